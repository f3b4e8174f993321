-- Leases items of one job that this worker can serve, up to `most` and the job's pace: what is due first, then the cursor.
-- ARGV: model, pipeline of the worker, owner, host, most, lease ms
-- Returns {} or {id, tenant, item, attempts, item, attempts, ...}.
local model, pipeline, owner, host, most, lease = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
if redis.call('EXISTS', 'pc:drain:' .. host) == 1 then return {} end
local now = now_ms()
redis.call('HSET', 'pc:heard', host, now)

for _, id in ipairs(redis.call('ZRANGEBYSCORE', 'pc:waiting', '-inf', now, 'LIMIT', 0, 16)) do
  local job = load_job(id)
  if job then place(job, now) else redis.call('ZREM', 'pc:waiting', id) end
end

local function hold(job, n, try, taken)
  try.owner = owner
  try.begun = 0
  write_try(job.id, n, try)
  redis.call('ZADD', key(job.id, 'due'), now + lease, n)
  taken[#taken + 1] = n
  taken[#taken + 1] = try.attempts
end

-- The first clear bit of done at or after the cursor.
local function next_clear(job)
  local done = key(job.id, 'done')
  local size = redis.call('STRLEN', done) * 8
  if job.cursor >= size then return job.cursor end
  local at = redis.call('BITPOS', done, 0, job.cursor, -1, 'BIT')
  return at >= 0 and at or size
end

local function take(job)
  local taken = {}
  local want = 2 * math.min(most, job.pace)
  -- Each that is due is taken or has to wait: the next look finds others.
  while #taken < want do
    local due = redis.call('ZRANGEBYSCORE', key(job.id, 'due'), '-inf', now, 'LIMIT', 0, (want - #taken) / 2)
    if #due == 0 then break end
    for _, n in ipairs(due) do
      local try = read_try(job.id, n)
      if try.owner == '' or lapse(job, n, try, now) <= now then hold(job, n, try, taken) end
    end
  end
  while #taken < want and job.cursor < job.total do
    local n = next_clear(job)
    if n < job.total then
      hold(job, n, { attempts = 0 }, taken)
      n = n + 1
    end
    job.cursor = math.min(n, job.total)
  end
  redis.call('HSET', key(job.id), 'cursor', job.cursor)
  if #taken > 0 then add(job, 'held', #taken / 2) end
  return taken
end

-- The job whose turn it is in one lane: tenants in turn; small jobs first, but every eighth claim looks at large ones
-- first; then priority; then jobs in turn.
local function next_job(lane)
  local tenant = redis.call('ZRANGE', lane, 0, 0)[1]
  if not tenant then return nil end
  local bulk = redis.call('HINCRBY', 'pc:claims', tenant, 1) % BULK_EVERY == 0
  for _, class in ipairs(bulk and { 'large', 'small' } or { 'small', 'large' }) do
    local queue = lane .. ':' .. tenant .. ':' .. class
    local id = redis.call('ZRANGE', queue, 0, 0)[1]
    if id then return id, tenant, queue end
  end
  redis.call('ZREM', lane, tenant)
  return nil, tenant
end

local versions = redis.call('SMEMBERS', 'pc:lanes:' .. model)
table.sort(versions, function(a, b) return tonumber(a) < tonumber(b) end)
for _, version in ipairs(versions) do
  local lane = 'pc:lane:' .. model .. ':' .. version
  while tonumber(version) <= pipeline do
    local id, tenant, queue = next_job(lane)
    if not tenant then break end
    if id then
      local job = load_job(id)
      local taken = job and active(job) and take(job) or {}
      if not job then
        redis.call('ZREM', queue, id)
      else
        place(job, now)
      end
      if #taken > 0 then
        local turn = redis.call('INCR', 'pc:turn')
        redis.call('ZADD', queue, 'XX', rank(job, turn), id)
        redis.call('ZADD', lane, 'XX', turn, tenant)
        touch(job)
        return { id, tenant, unpack(taken) }
      end
    end
  end
end
return {}
