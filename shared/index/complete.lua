-- Counts items whose done records exist. Acts once an item: a duplicate cannot move a count.
-- ARGV: id, then item and state (succeeded, failed or canceled) of each
-- Returns {closable, part, part, ...}: the parts that this has ended.
local id = ARGV[1]
local job = load_job(id)
if not job or job.state == 'completed' or job.state == 'canceled' then return { 0 } end
local ended, parts, seen = {}, {}, {}
local sums = { succeeded = 0, failed = 0, canceled = 0, held = 0 }
local begun = false
for i = 2, #ARGV, 2 do
  local n, state = tonumber(ARGV[i]), ARGV[i + 1]
  if n < job.total and redis.call('SETBIT', key(id, 'done'), n, 1) == 0 then
    if state == 'failed' then redis.call('SETBIT', key(id, 'failed'), n, 1) end
    if state == 'canceled' then redis.call('SETBIT', key(id, 'sealed'), n, 1) end
    local try = read_try(id, n)
    if try.owner ~= '' then sums.held = sums.held - 1 end
    begun = begun or try.begun == 1
    sums[state] = sums[state] + 1
    ended[#ended + 1] = n
    local part = math.floor(n / 1000)
    if not seen[part] then parts[#parts + 1] = part end
    seen[part] = true
  end
end
if #ended == 0 then return { closable(job) } end
redis.call('ZREM', key(id, 'due'), unpack(ended))
redis.call('HDEL', key(id, 'tries'), unpack(ended))
add(job, 'ended', #ended)
for _, name in ipairs({ 'succeeded', 'failed', 'held' }) do
  if sums[name] ~= 0 then add(job, name, sums[name]) end
end
if not begun then set_pace(job, math.min(MAX_PACE, 2 * job.pace)) end
redis.call('HSETNX', key(id), 'started', now_ms())
if job.state == 'queued' then set_state(job, 'running') end
touch(job)
local reply = { closable(job) }
for _, part in ipairs(parts) do
  local first = part * 1000
  local last = math.min(first + 1000, job.total) - 1
  if redis.call('BITCOUNT', key(id, 'done'), first, last, 'BIT') == last - first + 1 then
    redis.call('SADD', key(id, 'parts'), part)
    reply[#reply + 1] = part
  end
end
return reply
