-- Gives claimed items back.
-- ARGV: id, owner, wait ms, charge (1: the attempt counts, whether or not it was begun; 0: it does not), items
-- Returns 1 if the job can be closed, else 0.
local id, owner, wait, charge = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local job = load_job(id)
if not job then return 0 end
local now = now_ms()
local released = 0
for i = 5, #ARGV do
  local n = ARGV[i]
  local try = read_try(id, n)
  if try.owner == owner then
    try.attempts = try.attempts - try.begun + charge
    give_back(job, n, try, now + wait)
    released = released + 1
  end
end
if released > 0 then
  set_pace(job, 1)
  touch(job)
  place(job, now)
end
return closable(job)
