// The top-level members of a JSON object as text, for code that forwards a document without understanding it.
#pragma once

#include <modelmesh/core/result.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace modelmesh::json {

/// One member. `value` is JSON text and points into the document; `name` is unescaped.
struct member {
    std::string name;
    std::string_view value;
};

/// Splits one JSON object into its members, in order. The whole document is validated.
/// @param object  the text; the values point into it.
/// Errors: bad_request when the text is not one valid JSON object; `param` names the member whose value is
/// malformed, when it is a value.
[[nodiscard]] result<std::vector<member>> members(std::string_view object);

/// The text of a JSON string value (with its quotes) as characters. Errors: bad_request when it is no string.
[[nodiscard]] result<std::string> string_value(std::string_view json);

} // namespace modelmesh::json
