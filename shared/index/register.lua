-- Makes a job claimable. Idempotent: a job that is there stays as it is.
-- ARGV: id, tenant, model, pipeline, class, total, created ms, spec, state, done bitmap, failed bitmap, succeeded,
-- rebuilt (1 or 0), priority, sealed bitmap
-- Returns 1 if the job was added, else 0.
local id, tenant = ARGV[1], ARGV[2]
if load_job(id) then return 0 end
local now = now_us()
redis.call('DEL', key(id, 'done'), key(id, 'failed'), key(id, 'sealed'), key(id, 'due'), key(id, 'tries'), key(id, 'parts'))
if #ARGV[10] > 0 then redis.call('SET', key(id, 'done'), ARGV[10]) end
if #ARGV[11] > 0 then redis.call('SET', key(id, 'failed'), ARGV[11]) end
if #ARGV[15] > 0 then redis.call('SET', key(id, 'sealed'), ARGV[15]) end
local ended = redis.call('BITCOUNT', key(id, 'done'))
-- The revision starts at the clock, so that it never falls back when the index is rebuilt.
redis.call('HSET', key(id), 'spec', ARGV[8], 'tenant', tenant, 'model', ARGV[3], 'pipeline', ARGV[4], 'class', ARGV[5],
  'total', ARGV[6], 'cursor', 0, 'state', ARGV[9], 'revision', string.format('%.0f', now), 'succeeded', ARGV[12],
  'failed', redis.call('BITCOUNT', key(id, 'failed')), 'ended', ended, 'held', 0, 'created', ARGV[7],
  'before', ARGV[12] + redis.call('BITCOUNT', key(id, 'failed')), 'rebuilt', ARGV[13], 'priority', ARGV[14], 'run', this_run())
redis.call('SADD', 'pc:live', id)
redis.call('SADD', 'pc:models', ARGV[3])
redis.call('ZADD', 'pc:jobs:' .. tenant, ARGV[7], id)
redis.call('ZREMRANGEBYRANK', 'pc:jobs:' .. tenant, 0, -KEEP_LISTED - 1)
place(load_job(id), math.floor(now / 1000))
return 1
