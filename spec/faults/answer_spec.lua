-- Answers that are cut short, malformed or too large: `protocol`, never a success; and those that only
-- look odd: accepted.

local Lab = require "spec.support.lab"

local OK = "HTTP/1.1 200 OK\r\n"
local JSON = "Content-Type: application/json\r\n"

-- The text of an answer whose body is all there.
local function whole(body, head)
  return ("%s%sContent-Length: %d\r\n\r\n%s"):format(head or OK, JSON, #body, body)
end

local function gzip(command)
  local shell = io.popen(command .. " | gzip -9 -c", "r")
  local data = shell:read("a")
  shell:close()
  return data
end

local GZIPPED = gzip [[printf '{"status":"running","padding":"%s"}' "$(seq -s, 2000)"]]

local function gzipped(data, length)
  return ("%sContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s"):format(OK .. JSON, length or #data, data)
end

-- The connection ends after each of them, or (kept) it takes the next request.
local MALFORMED = {
  ["ends within the status line"] = { "HTTP/1.1 20", kind = "network" },
  ["ends after the status line"] = { OK },
  ["ends within its headers"] = { OK .. "X-Request: 1\r\nContent-Le" },
  ["ends after a header, without the empty line"] = { OK .. "Content-Length: 0\r\n" },
  ["is an interim answer and then ends"] = { "HTTP/1.1 100 Continue\r\n\r\n", kind = "network" },
  ["ends within the headers after an interim answer"] = {
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Le" },
  ["ends within headers in small letters after an interim answer"] = {
    "HTTP/1.1 100 Continue\r\n\r\nhttp/1.1 200 ok\r\nContent-Le" },
  ["ends within its body"] = { OK .. 'Content-Length: 21\r\n\r\n{"status":"ru', status = 200 },
  ["ends within a chunk"] = { OK .. 'Transfer-Encoding: chunked\r\n\r\n15\r\n{"status"', status = 200 },
  ["ends before the last chunk"] = {
    OK .. 'Transfer-Encoding: chunked\r\n\r\n14\r\n{"status":"running"}\r\n', status = 200 },
  ["has a chunk of a length that is no number"] = {
    OK .. "Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n", status = 200 },
  ["has a chunk of an enormous length"] = {
    OK .. "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n", status = 200 },
  ["is JSON that ends with the connection, cut"] = { OK .. JSON .. '\r\n{"status":"runn', status = 200 },
  ["is compressed and cut"] = { gzipped(GZIPPED:sub(1, #GZIPPED // 2)), status = 200 },
  ["is compressed and cut, by a connection that ends"] = {
    OK .. JSON .. "Content-Encoding: gzip\r\n\r\n" .. GZIPPED:sub(1, #GZIPPED // 2), status = 200 },
  ["says it is compressed and is not"] = { gzipped('{"status":"running"}'), status = 200 },
  ["is compressed in a way that nobody asked for"] = {
    OK .. "Content-Encoding: x-unknown\r\nContent-Length: 20\r\n\r\n" .. '{"status":"running"}', status = 200 },
  ["has no status line (HTTP/0.9)"] = { '{"status":"running"}' },
  ["has a status line of another protocol"] = { "ICY 200 OK\r\n\r\n" },
  ["has a version that there is not"] = { "HTTP/7.3 200 OK\r\nContent-Length: 0\r\n\r\n" },
  ["has a status that is no number"] = { "HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n" },
  ["has a status line without version and status"] = { "HTTP/yes\r\nContent-Length: 0\r\n\r\n" },
  ["has a status line in small letters"] = { "http/1.1 404 not found\r\nContent-Length: 0\r\n\r\n" },
  ["has a status line of a slash"] = { "HTTP/\r\nContent-Length: 0\r\n\r\n" },
  ["has a status below 100"] = { "HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n" },
  ["has a NUL in a header"] = { OK .. "X-Nul: a\0b\r\nContent-Length: 0\r\n\r\n" },
  ["has two lengths"] = {
    OK .. 'Content-Length: 20\r\nContent-Length: 10\r\n\r\n{"status":"running"}',
    status = 200, retryable = false },
  ["has the same length twice, each longer than any length"] = {
    OK .. ("Content-Length: %040d\r\n"):format(20):rep(2) .. '\r\n{"status":"running"}', status = 200, retryable = false },
  ["has three lengths, the last of them another"] = {
    OK .. 'Content-Length: 20\r\nContent-Length: 20\r\nContent-Length: 19\r\n\r\n{"status":"running"}',
    status = 200, retryable = false },
  ["has a negative length"] = { OK .. 'Content-Length: -1\r\n\r\n{"status":"running"}', kept = true },
  ["has a length that is no number"] = { OK .. 'Content-Length: many\r\n\r\n{"status":"running"}', kept = true },
  ["switches protocols"] = {
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", kind = "network" },
  ["is not UTF-8"] = { whole '{"status":"\xff\xfe"}', status = 200, kept = true },
  ["holds a surrogate in UTF-8"] = { whole '{"status":"\xed\xa0\x80"}', status = 200, kept = true },
  ["holds NaN"] = { whole '{"status":NaN}', status = 200, kept = true },
  ["holds Infinity"] = { whole '{"status":-Infinity}', status = 200, kept = true },
  ["holds a hexadecimal number"] = { whole '{"status":0x10}', status = 200, kept = true },
  ["is nested 1001 deep"] = { whole(("["):rep(1001) .. ("]"):rep(1001)), status = 200, kept = true },
  ["is nested 100000 deep"] = { whole(("["):rep(100000) .. ("]"):rep(100000)), status = 200, kept = true },
  ["has something behind its JSON"] = { whole '{"status":"running"}}', status = 200, kept = true },
  ["is a web page"] = {
    OK .. "Content-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>", status = 200, kept = true },
}

-- What is more than anybody can want: not tried again.
local OVERSIZED = {
  ["has a long header line"] = function(connection)
    connection:send(OK .. "X-Long: " .. ("x"):rep(200000) .. "\r\n\r\n")
  end,
  ["has a header line without an end"] = function(connection)
    connection:send(OK .. "X-Long: ")
    while connection:send(("x"):rep(60000)) do end -- luacheck: ignore
  end,
  ["has headers without an end"] = function(connection)
    connection:send(OK)
    while connection:send("X-Flood: " .. ("x"):rep(1000) .. "\r\n") do end -- luacheck: ignore
  end,
  ["has interim answers without an end"] = function(connection)
    while connection:send("HTTP/1.1 102 Processing\r\nX-Interim: 1\r\n\r\n") do end -- luacheck: ignore
  end,
  ["has a huge body"] = function(connection)
    connection:send(whole(("x"):rep(5 * 1024 * 1024)))
  end,
  ["announces a huge body"] = function(connection)
    connection:send(OK .. "Content-Length: 9223372036854775807\r\n\r\n")
    while connection:send(("x"):rep(60000)) do end -- luacheck: ignore
  end,
  ["has chunks without an end"] = function(connection)
    connection:send(OK .. "Transfer-Encoding: chunked\r\n\r\n")
    while connection:send("ea60\r\n" .. ("x"):rep(60000) .. "\r\n") do end -- luacheck: ignore
  end,
  ["is small and unpacks to a huge body"] = function(connection)
    connection:send(gzipped(gzip "head -c 20000000 /dev/zero"))
    connection:stall()
  end,
}

local ACCEPTED = {
  ["comes after a few interim answers"] =
    ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"):rep(3)
    .. whole '{"status":"running"}',
  ["has a folded header"] = OK .. "X-Folded: one\r\n two\r\n\tthree\r\n" .. whole('{"status":"running"}', ""),
  ["has the same length twice"] = OK .. "Content-Length: 20\r\n" .. whole('{"status":"running"}', ""),
  ["has no reason phrase"] = whole('{"status":"running"}', "HTTP/1.1 200\r\n"),
  ["is of HTTP/1.0"] = whole('{"status":"running"}', "HTTP/1.0 200 OK\r\n"),
  ["has lines that end with LF alone"] = (whole '{"status":"running"}'):gsub("\r\n", "\n"),
  ["ends with the connection"] = OK .. JSON .. '\r\n{"status":"running"}',
  ["has chunks with extensions and a trailer"] =
    OK .. 'Transfer-Encoding: chunked\r\n\r\n14;a=b\r\n{"status":"running"}\r\n0\r\nX-Trailer: 1\r\n\r\n',
  ["is compressed"] = gzipped(GZIPPED),
  ["has a key twice"] = whole '{"status":"failed","status":"running"}',
  ["has blanks around its JSON"] = whole '\r\n {"status" : "running"}\n',
}

describe("an answer that", function()
  local lab
  before_each(function() lab = Lab.new() end)
  after_each(function() lab:close() end)

  local function serve(bytes, kept)
    return lab:server():handle(function(connection)
      connection:read_request()
      connection:send(bytes)
      if kept then Lab.good_service(connection) end
    end)
  end

  it("has a body of no type that is no JSON, beside a location, is an error", function()
    local server = serve "HTTP/1.1 202 Accepted\r\nLocation: /op\r\nContent-Length: 6\r\n\r\n<html>"
    local result, err = lab:client { base_url = server.url }:cancel(Lab.CALL)
    assert.is_nil(result)
    lab:assert_failure(err, { kind = "protocol", status = 202, ambiguous = true })
  end)

  for name, row in pairs(MALFORMED) do
    it(name .. " is an error, ambiguous for a POST", function()
      local server = serve(row[1], row.kept)
      local client = lab:client { base_url = server.url, retries = 3 }
      local result, err = client:cancel(Lab.CALL)
      assert.is_nil(result)
      lab:assert_failure(err, {
        kind = row.kind or "protocol", status = row.status, ambiguous = true, retryable = false, attempts = 1,
      })
      assert.equal(1, #server.requests)
      lab:assert_usable(client, server)
    end)

    it(name .. " is an error for a GET", function()
      local server = serve(row[1], row.kept)
      local client = lab:client { base_url = server.url }
      local result, err = client:offer_status(Lab.OFFER)
      assert.is_nil(result)
      lab:assert_failure(err, {
        kind = row.kind or "protocol", status = row.status, ambiguous = false, attempts = 1,
        retryable = row.retryable ~= false,
      })
      lab:assert_usable(client, server)
    end)
  end

  for name, send in pairs(OVERSIZED) do
    it(name .. " is a protocol error", function()
      local server = lab:server():handle(function(connection)
        connection:read_request()
        send(connection)
      end)
      local client = lab:client { base_url = server.url, retries = 3 }
      local status = (name:find("body") or name:find("chunks")) and 200 or nil
      local _, err = client:cancel(Lab.CALL)
      lab:assert_failure(err, {
        kind = "protocol", status = status, ambiguous = true, retryable = false, attempts = 1,
      })
      assert.is_true(#(err.body or "") <= 2048)
      assert.equal(1, #server.requests)
      lab:assert_usable(client, server)
    end)
  end

  for name, bytes in pairs(ACCEPTED) do
    it(name .. " is accepted", function()
      local server = serve(bytes)
      local client = lab:client { base_url = server.url }
      local status, err = client:offer_status(Lab.OFFER)
      assert.is_nil(err)
      assert.equal("running", status.state)
      lab:assert_usable(client, server)
    end)
  end

  it("fits into max_response_bytes to the byte is accepted, and one byte more is not", function()
    local body = '{"status":"running"}'
    local server = lab:server():always(function(connection)
      while connection:read_request() do connection:send(whole(body)) end
    end)
    local client = lab:client { base_url = server.url, max_response_bytes = #body }
    assert.equal("running", client:offer_status(Lab.OFFER).state)
    local _, err = client:offer_status { publisher = "contoso", offer = "contoso-vm", max_response_bytes = #body - 1 }
    lab:assert_failure(err, { kind = "protocol", status = 200, ambiguous = false, retryable = false })
    assert.equal("running", client:offer_status(Lab.OFFER).state)
  end)

  it("holds integers above 2^53 gives them exactly", function()
    local server = serve(whole [[{"status":"running","version":636576975611768314,"least":-9223372036854775808,
      "most":9223372036854775807,"small":1,"half":0.5,"list":[9007199254740993]}]])
    local client = lab:client { base_url = server.url }
    local status, err = client:offer_status(Lab.OFFER)
    assert.is_nil(err)
    assert.equal(636576975611768314, status.version)
    assert.equal(math.mininteger, status.least)
    assert.equal(math.maxinteger, status.most)
    assert.equal("integer", math.type(status.small))
    assert.equal(0.5, status.half)
    assert.equal(9007199254740993, status.list[1])
  end)

  for code, expected in pairs {
    [400] = { ambiguous = false }, [409] = { ambiguous = false },
    [500] = { ambiguous = true }, [502] = { ambiguous = true }, [504] = { ambiguous = true },
  } do
    it("is an error " .. code .. " and cut short keeps its status and what it means", function()
      local server = serve(("HTTP/1.1 %d Error\r\nContent-Length: 1000\r\n\r\n<html>cut"):format(code))
      local client = lab:client { base_url = server.url }
      local _, err = client:cancel(Lab.CALL)
      lab:assert_failure(err, { kind = "http", status = code, ambiguous = expected.ambiguous, retryable = false })
      assert.equal("<html>cut", err.body)
      lab:assert_usable(client, server)
    end)
  end

  it("is an error and endless keeps its status and the beginning of its body", function()
    local server = lab:server():handle(function(connection)
      connection:read_request()
      connection:send("HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n")
      while connection:send("ea60\r\n" .. ("x"):rep(60000) .. "\r\n") do end -- luacheck: ignore
    end)
    local client = lab:client { base_url = server.url }
    local _, err = client:cancel(Lab.CALL)
    lab:assert_failure(err, { kind = "http", status = 403, ambiguous = false, retryable = false })
    assert.equal(("x"):rep(2048), err.body)
    lab:assert_usable(client, server)
  end)
end)
