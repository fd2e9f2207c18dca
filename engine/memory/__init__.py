"""Memory: how much there is, what processes use, what an image will need, and which image may start.

Control groups are read by our own code because psutil knows only the machine's memory: in a container or a systemd
unit with a limit, the kernel kills a process at the group's limit, long before the machine's memory is used up.
Prediction and admission are pure functions of numbers, so that tests can run whole days of them."""
