// Lists of objects, page by page.
#pragma once

#include "wire.hpp"

#include <modelmesh/testing/simulator.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace modelmesh::testing::detail {

/// A part of a target, with %XX as the byte that it stands for.
std::string decoded(std::string_view text);

/// The parameters of a target's query, decoded, as the text fields of a form.
fields query_of(const recorded_request& request);

struct page_limits {
    std::int64_t usual = 20;
    std::int64_t most = 100;
};

/// The page that a query asks for by `after` and `limit`. Every object has an `id`.
/// @param all   in the order of the list
/// @param chosen  which of them the list has; empty: all
/// @throws refusal  there is no such id, or the limit is wrong
boost::json::object page_of(std::vector<boost::json::object> all, const fields& in, page_limits limits,
                            const std::function<bool(const boost::json::object&)>& chosen = {});

} // namespace modelmesh::testing::detail
