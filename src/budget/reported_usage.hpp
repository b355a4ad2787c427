// What replies say they used, in the formats of all operations.
#pragma once

#include "budget/prices.hpp"

#include <modelmesh/connector/operation.hpp>

#include <optional>
#include <string_view>

namespace modelmesh::budget {

/// Whether the text may have totals, told without parsing it: an object named `usage`. Chunks that have
/// `"usage":null` have none.
[[nodiscard]] bool mentions_usage(std::string_view json) noexcept;

/// What a reply, or a piece of one, says that it used; nothing: it does not say, or is no JSON object.
[[nodiscard]] std::optional<consumption> reported(operation what, std::string_view json);

/// Whether this piece of a chat or a completion has the totals and nothing else for its reader.
[[nodiscard]] bool is_only_totals(std::string_view chunk);

} // namespace modelmesh::budget
