-- A queue for the batch scheduler, with constant cost for each value. When it is empty it begins at 1 again, so that
-- its entries stay in the array part of the table.

local queue = {}

--- Makes an empty queue.
function queue.new()
  return { first = 1, last = 0 }
end

--- Adds a value at the end; it must not be nil.
function queue.push(q, value)
  local last = q.last + 1
  q[last], q.last = value, last
end

--- Removes and returns the first value; nil if the queue is empty.
function queue.pop(q)
  local first = q.first
  local value = q[first]
  if value == nil then return nil end
  q[first] = nil
  if first == q.last then
    q.first, q.last = 1, 0
  else
    q.first = first + 1
  end
  return value
end

--- Whether the queue is empty.
function queue.is_empty(q)
  return q.last == 0
end

return queue
