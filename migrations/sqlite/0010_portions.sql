-- Deliveries of one time are in the order of their numbers in the index, too: what is due is read
-- without sorting all that became due at once.
drop index deliveries_due;
create index deliveries_due on deliveries (endpoint_key, next_at, seq) where state = 'due';

-- A removed endpoint is gone for everybody at once, and stays until its deliveries are deleted, a
-- portion at a time.
alter table endpoints add column is_removed integer not null default 0 check (is_removed in (0, 1));
