// The budgets and prices of a configuration, as the ledger takes them.
#pragma once

#include "budget/book.hpp"

#include <modelmesh/config/config.hpp>

#include <string>
#include <vector>

namespace modelmesh::detail {

/// @param problems  gets a line for everything that is wrong.
[[nodiscard]] budget::plan make_budget_plan(const config& from, std::vector<std::string>& problems);

} // namespace modelmesh::detail
