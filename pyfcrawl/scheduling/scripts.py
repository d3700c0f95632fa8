"""What happens in Redis, in one step each: the Lua scripts of the queue.

Redis runs a script alone, so whoever else is at work sees all of it or nothing. Time is Redis's own
in milliseconds: the clocks of workers need not agree. Keys are those of `KEYS`, in that order. An
id is put into its next place before it leaves the one it has, so that a script that memory runs
out under leaves it in two places and never in none.
"""

from __future__ import annotations

#: The keys of a run's queue; all but the first are made by `EXCHANGE`.
#:
#: run: hash of what the run is; waiting: list of ids; bodies: id -> request; leased: ids by the end
#: of their lease; owners: id -> worker; delayed: ids by when they are due; tries and reasons: id ->
#: how often it came back, and why; seen: all ids ever; dead: id -> when it was given up; workers:
#: worker -> when it was last heard of.
KEYS = (
    *("run", "waiting", "bodies", "leased", "owners", "delayed", "tries", "reasons", "seen"),
    *("dead", "workers"),
)

#: A rate is taken over so many spans of so many milliseconds, and the one that is not over yet.
SPAN, SPANS = 10_000, 7

_BEGIN = """
local run, waiting, bodies, leased, owners, delayed = unpack(KEYS, 1, 6)
local tries, reasons, seen, dead, workers = unpack(KEYS, 7)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""

#: Makes the run when it isn't there, or says what there is to do in it. ARGV: worker, milliseconds
#: that its planning may go unheard of, whether to make it (1), then names and values for its hash.
#: Returns "plan", "join", "wait", or "over" when it isn't there and was not made.
CLAIM = (
    _BEGIN
    + """
local worker, term = ARGV[1], tonumber(ARGV[2])
if redis.call('EXISTS', run) == 0 and ARGV[3] ~= '1' then return 'over' end
redis.call('ZADD', workers, now, worker)
if redis.call('EXISTS', run) == 0 then
  for i = 4, #ARGV, 2 do redis.call('HSET', run, ARGV[i], ARGV[i + 1]) end
  redis.call('HSET', run, 'started', now, 'planner', worker, 'until', now + term)
  return 'plan'
end
if redis.call('HGET', run, 'planned') then return 'join' end
local planner = redis.call('HGET', run, 'planner')
if planner ~= worker and tonumber(redis.call('HGET', run, 'until')) > now then return 'wait' end
-- What a planner left half made is made anew: it knew another listing.
local left = redis.call('LRANGE', waiting, 0, -1)
for _, id in ipairs(redis.call('ZRANGE', delayed, 0, -1)) do left[#left + 1] = id end
for _, id in ipairs(left) do
  redis.call('HDEL', bodies, id)
  redis.call('SREM', seen, id)
end
redis.call('DEL', waiting, delayed)
local requests, projects = unpack(redis.call('HMGET', run, 'requests', 'projects'))
if requests and tonumber(requests) > 0 then
  local kept = redis.call('SCARD', seen)
  redis.call('HSET', run, 'requests', kept, 'projects', math.floor(projects * kept / requests))
end
redis.call('HSET', run, 'planner', worker, 'until', now + term)
return 'plan'
"""
)

#: Everything that a worker has to tell and to ask, at once. ARGV[1]: JSON, see queue.Exchange.
#: Returns JSON, see queue.Standing; "" when there is no such run (any more).
#:
#: The run's hash counts requests, those done, projects and those visited. Of each of the last
#: spans of SPAN milliseconds in which anything was done, `before:N` holds which one it was and what
#: had been done before it, for a rate (see overview).
EXCHANGE = (
    _BEGIN
    + f"local SPAN, SPANS = {SPAN}, {SPANS}\n"
    + """
if redis.call('EXISTS', run) == 0 then return '' end
local told = cjson.decode(ARGV[1])
local worker = told.worker

local function projects(id) return told.sizes and told.sizes[id] or 1 end

local function count(name, number)
  if number > 0 then redis.call('HINCRBY', run, name, number) end
end

local function mine(id) return redis.call('HGET', owners, id) == worker end

local function let_go(id)
  redis.call('ZREM', leased, id)
  redis.call('HDEL', owners, id)
end

local function came_back(id, reason, delay)
  redis.call('HSET', reasons, id, reason)
  local count = redis.call('HINCRBY', tries, id, 1)
  if count >= told.attempts then
    redis.call('HSET', dead, id, now)
  else
    redis.call('ZADD', delayed, now + delay * 2 ^ (count - 1), id)
  end
  let_go(id)
end

local planner = redis.call('HGET', run, 'planner') == worker
-- Who was replaced as planner had another listing.
for _, each in ipairs(planner and told.pushes or {}) do
  if redis.call('SISMEMBER', seen, each[1]) == 0 then
    redis.call('HSET', bodies, each[1], each[2])
    redis.call('RPUSH', waiting, each[1])
    redis.call('SADD', seen, each[1])
    count('requests', 1)
    count('projects', projects(each[1]))
  end
end
local done, visited = 0, 0
for _, id in ipairs(told.acks) do
  if mine(id) then
    let_go(id)
    redis.call('HDEL', bodies, id)
    redis.call('HDEL', tries, id)
    redis.call('HDEL', reasons, id)
    done, visited = done + 1, visited + projects(id)
  end
end
if done > 0 then
  local span = math.floor(now / SPAN)
  local was = redis.call('HMGET', run, 'span', 'done', 'visited')
  if was[1] ~= tostring(span) then
    local before = span .. ' ' .. (was[2] or 0) .. ' ' .. (was[3] or 0)
    redis.call('HSET', run, 'span', span, 'before:' .. span % SPANS, before)
  end
  count('done', done)
  count('visited', visited)
end
for _, each in ipairs(told.failures) do
  if mine(each[1]) then came_back(each[1], each[2], told.delay) end
end
for _, id in ipairs(told.returns) do
  if mine(id) then
    redis.call('LPUSH', waiting, id)
    let_go(id)
  end
end
local lost = {}
for _, id in ipairs(told.holds) do
  if mine(id) then redis.call('ZADD', leased, now + told.term, id) else lost[#lost + 1] = id end
end
local taken = {}
local function take(id)
  redis.call('ZADD', leased, now + told.term, id)
  redis.call('HSET', owners, id, worker)
  taken[#taken + 1] = {id, redis.call('HGET', bodies, id)}
end
-- What it took before and doesn't know of: the answer was lost on the way.
if told.want > 0 then
  local held = {}
  for _, id in ipairs(told.holds) do held[id] = true end
  local all = redis.call('HGETALL', owners)
  for i = 1, #all, 2 do
    if all[i + 1] == worker and not held[all[i]] then take(all[i]) end
  end
end
redis.call('ZADD', workers, now, worker)
if planner then
  redis.call('HSET', run, 'until', now + told.term)
  if told.plan then redis.call('HSET', run, 'plan', told.plan, 'planned', now) end
end
-- A lease that ended without a word: its worker is gone, or cut off.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', leased, '-inf', now, 'LIMIT', 0, 100)) do
  came_back(id, 'lost with its worker ' .. (redis.call('HGET', owners, id) or '?'), 0)
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'LIMIT', 0, 100)) do
  redis.call('LPUSH', waiting, id)
  redis.call('ZREM', delayed, id)
end
while #taken < told.want do
  local id = redis.call('LINDEX', waiting, 0)
  if not id then break end
  take(id)
  redis.call('LPOP', waiting)
end
return cjson.encode({
  planner = planner,
  taken = #taken > 0 and taken or nil,
  lost = #lost > 0 and lost or nil,
  planned = redis.call('HEXISTS', run, 'planned') == 1,
  waiting = redis.call('LLEN', waiting),
  leased = redis.call('ZCARD', leased),
  delayed = redis.call('ZCARD', delayed),
  dead = redis.call('HLEN', dead),
})
"""
)

#: Lets one worker end a run of which nothing is left. ARGV: worker, milliseconds it may take.
#: Returns 1 for the one that may.
FINISH = (
    _BEGIN
    + """
if redis.call('EXISTS', run) == 0 or not redis.call('HGET', run, 'planned') then return 0 end
if redis.call('LLEN', waiting) + redis.call('ZCARD', leased) + redis.call('ZCARD', delayed) > 0 then
  return 0
end
local closer = redis.call('HGET', run, 'closer')
if closer and closer ~= ARGV[1] and tonumber(redis.call('HGET', run, 'closing')) > now then
  return 0
end
redis.call('HSET', run, 'closer', ARGV[1], 'closing', now + tonumber(ARGV[2]))
return 1
"""
)

#: Removes all of a run, if this worker may: it ends it, or does all of it. ARGV: worker.
CLOSE = (
    _BEGIN
    + """
local is = function(name) return redis.call('HGET', run, name) == ARGV[1] end
if not (is('closer') or (is('planner') and redis.call('HGET', run, 'alone'))) then return 0 end
redis.call('DEL', unpack(KEYS))
return 1
"""
)

#: Gives a run's planning up, so that another worker need not wait for it. ARGV: worker.
STEP_BACK = (
    _BEGIN
    + """
if redis.call('HGET', run, 'planner') == ARGV[1] then redis.call('HSET', run, 'until', 0) end
redis.call('ZREM', workers, ARGV[1])
"""
)

#: Sends the dead back to the queue. Returns how many; of a run that is being ended none, as their
#: projects are noted as pending just then.
REVIVE = (
    _BEGIN
    + """
if redis.call('EXISTS', run) == 0 or redis.call('HEXISTS', run, 'closer') == 1 then return 0 end
local ids = redis.call('HKEYS', dead)
for _, id in ipairs(ids) do
  redis.call('RPUSH', waiting, id)
  redis.call('HDEL', dead, id)
  redis.call('HDEL', tries, id)
end
return #ids
"""
)
