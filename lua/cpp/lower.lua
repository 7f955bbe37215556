-- Letters of ASCII in lower case. string.lower, and classes such as %w and %l in patterns, follow the locale of the
-- host program: in Turkish, the lower case of `I` is another letter, and in Latin 1 bytes of UTF-8 are letters.

local LETTERS = {}
for code = ("A"):byte(), ("Z"):byte() do LETTERS[string.char(code)] = string.char(code + 32) end

--- A text in lower case.
return function(text)
  return (text:gsub("[A-Z]", LETTERS))
end
