-- By its digest the same file is known again when someone else gives it. The digest is keyed, so
-- that it tells nothing to one who has it and not the key; the key is made once a database, from
-- the system's randomness, with which SQLite seeds its own.
create table digest_key (
    singleton integer primary key check (singleton = 1),
    key blob not null check (length(key) = 32)
) strict;

insert into digest_key (singleton, key) values (1, randomblob(32));

-- The newest revision of each document. A digest stays when the bytes are deleted, and goes with
-- the document or the user.
create table document_digests (
    key integer primary key,
    onboarding_key integer not null references onboardings (key),
    document_type text not null check (document_type <> ''),
    digest blob not null check (length(digest) = 32),
    unique (onboarding_key, document_type)
) strict;

create index document_digests_by_digest on document_digests (digest, onboarding_key);
