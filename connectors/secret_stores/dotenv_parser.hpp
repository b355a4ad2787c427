// The format of .env files. It has no standard; this is what the tools that read it agree on: the rules of
// https://github.com/motdotla/dotenv (Node) and https://github.com/bkeepers/dotenv (Ruby), without expansion of
// variables, and a backslash at the end of a line as the reference implementation of ModelMesh reads it.
//
//     file    = { [ entry ] newline }            newlines may be CR LF; a byte order mark is passed over
//     entry   = [ "export" blank ] name [blank] "=" [blank] value [blank] [ comment ]  |  comment
//     name    = letter or "_", then letters, digits, "_", "." and "-"
//     comment = "#" to the end of the line       behind a value without quotes it needs a blank before it
//     value   = 'text'   as it is, also over several lines
//             | "text"   with \n \r \t \" \\ and \$; any other backslash is itself; one before a newline joins lines
//             | text     to the end of the line or to a comment, without blanks at its ends; a backslash at
//                        the end of the line goes on with the next
//
// `NAME=` and `NAME=  # note` are empty. Of a name that is given twice the last one counts.
#pragma once

#include <modelmesh/core/result.hpp>

#include <map>
#include <string>
#include <string_view>

namespace modelmesh::connector {

/// Errors: config, with the number of the line and never its text.
[[nodiscard]] result<std::map<std::string, std::string, std::less<>>> parse_dotenv(std::string_view text);

} // namespace modelmesh::connector
