-- There is a row from the moment when personal data is destroyed until the write-ahead log,
-- which still holds it, was emptied. The transaction that destroyed last is named, so that
-- nobody takes the row away for an earlier one.
create table destroyed_in_log (
    singleton integer primary key check (singleton = 1),
    commit_id integer not null
) strict;
