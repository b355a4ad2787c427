// The list prices that the library was built with (cmake/data/models.json).
#pragma once

#include "budget/prices.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace modelmesh::budget {

/// One model of one vendor, as sold for one purpose.
struct listed_model {
    std::string_view vendor;
    std::string_view name;
    std::string_view mode;           ///< what it is for: "chat", "embedding", "image_generation", ...
    std::int64_t context_window = 0; ///< tokens; 0: not known, as the next
    std::int64_t max_output_tokens = 0;
    price_list prices{};
    price_tiers tiers{};
};

/// All of them, sorted by vendor and name. Made at build time.
[[nodiscard]] std::span<const listed_model> price_table() noexcept;

/// What is known of a model; null: nothing. Looks for, in this order: the name itself; for a fine-tuned model
/// (`ft:<base>:...`) `ft:<base>` and then <base>; the name without the date or `-latest` at its end; the
/// latest dated version of the name. Of one that is sold for several purposes the first in the order of their
/// names. Another vendor's model of the same name is no answer: prices differ.
/// @param vendor  the first part of a connector's id, like "openai" of `openai.llm.v1`.
[[nodiscard]] const listed_model* find_model(std::string_view vendor, std::string_view name) noexcept;

} // namespace modelmesh::budget
