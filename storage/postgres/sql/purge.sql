-- limits: somebody who reads for long is not waited for
SET LOCAL lock_timeout = '10s';
