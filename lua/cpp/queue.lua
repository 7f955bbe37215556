-- A queue that costs no more than what goes through it, for the batch scheduler. When it runs empty it begins at 1
-- again, so that its entries stay in the table's array.

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

--- Takes the first value, or nil where there is none.
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

--- Whether there is none.
function queue.is_empty(q)
  return q.last == 0
end

return queue
