-- write_times_plainly: for the session, whatever the default of our role or database is, since not every form can be read
SELECT set_config('datestyle', 'ISO, YMD', false), set_config('timezone', 'UTC', false);
