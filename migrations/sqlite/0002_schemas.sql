-- Events, tasks and policies get the number of their schema beside them, as snapshots have it:
-- {"schema": number, "event": {...}}. What was written before is of schema 1.

update history set event = json_object('schema', 1, 'event', json(event));
update tasks set snapshot = json_object('schema', 1, 'task', json(snapshot));
update policies set policy = json_object('schema', 1, 'policy', json(policy));
