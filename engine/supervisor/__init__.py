"""The run: one loop over the stages that an image meets, surveying, converting, storing; and what holds it."""
