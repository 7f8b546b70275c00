-- notice_lost_clients: the server notices within a minute when a machine is gone, and frees what it held
SELECT set_config('tcp_keepalives_idle', '20', false), set_config('tcp_keepalives_interval', '10', false),
       set_config('tcp_keepalives_count', '3', false);

-- try_to_lead: whether this session does for the database, from now on, what the lock is named after
SELECT pg_try_advisory_lock(hashtext(%(lock)s));
