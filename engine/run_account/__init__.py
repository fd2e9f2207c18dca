"""The morning after: what happened in a run, as the app, `status`, the report and notifications tell it."""
