-- Timers for the batch scheduler: a binary heap, because there may be ten thousand.

local Timers = {}
Timers.__index = Timers

--- Makes an empty set of timers.
function Timers.new()
  return setmetatable({ times = {}, values = {}, count = 0 }, Timers)
end

--- The time of the first timer, or nil.
function Timers:first()
  return self.times[1]
end

--- Adds a timer.
-- @param time number on any clock
-- @param value the value that Timers:take returns
function Timers:add(time, value)
  local times, values = self.times, self.values
  self.count = self.count + 1
  local place = self.count
  while place > 1 do
    local parent = place // 2
    if times[parent] <= time then break end
    times[place], values[place] = times[parent], values[parent]
    place = parent
  end
  times[place], values[place] = time, value
end

--- Removes the first timer and returns its value; nil when none is due at `time`.
function Timers:take(time)
  local times, values = self.times, self.values
  if self.count == 0 or times[1] > time then return nil end
  local value = values[1]
  local last_time, last_value = times[self.count], values[self.count]
  times[self.count], values[self.count] = nil, nil
  self.count = self.count - 1
  local place, child = 1, 2
  while child <= self.count do
    if child < self.count and times[child + 1] < times[child] then child = child + 1 end
    if last_time <= times[child] then break end
    times[place], values[place] = times[child], values[child]
    place, child = child, child * 2
  end
  if self.count > 0 then times[place], values[place] = last_time, last_value end
  return value
end

return Timers
