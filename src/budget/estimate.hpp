// How much a request may use, before it is sent, and what a text used of which nobody said it. Pure.
//
// The rules, with their sources:
// - 4 characters of ASCII are a token (OpenAI, "What are tokens and how to count them": "1 token ~= 4 chars
//   in English"). The JSON around messages counts as text: it stands for the tokens that chat formats add to
//   each.
// - Any other character is one: what BPE vocabularies need for Chinese and Japanese, and more than for
//   Cyrillic.
// - More than 1,024 characters of base64 in a row are a picture or a recording, 1,445 tokens: OpenAI's
//   "Images and vision" guide, 85 + 8 tiles of 170, is the most that one costs there.
// An estimate may be too low, for program text by a third. It is reserved and not billed.
#pragma once

#include "budget/prices.hpp"

#include <modelmesh/connector/prepared_request.hpp>

#include <cstdint>
#include <string_view>

namespace modelmesh::budget {

/// What the catalogue knows of a model's sizes, in tokens; 0: not known.
struct model_sizes {
    std::int64_t context_window = 0;
    std::int64_t max_output_tokens = 0;
};

/// Tokens of text that comes in pieces.
class text_meter {
public:
    void add(std::string_view text) noexcept;
    [[nodiscard]] std::int64_t tokens() const noexcept { return (ascii_ + 3) / 4 + others_ + attached_; }
    /// Hardly any text has fewer: what must not be refused in vain is measured by it. Pictures and sound count for
    /// nothing.
    [[nodiscard]] std::int64_t least_tokens() const noexcept { return ascii_ / 6 + others_ / 3; }

private:
    std::int64_t ascii_ = 0;
    std::int64_t others_ = 0; ///< characters
    std::int64_t attached_ = 0;
};

/// What the request asks to be read, as JSON: prompts, tools, formats, documents.
[[nodiscard]] std::int64_t estimated_input(const prepared_request& request) noexcept;
/// The same by text_meter::least_tokens().
[[nodiscard]] std::int64_t least_input(const prepared_request& request) noexcept;

/// The most that the request is expected to use. Its output is bounded by, the least of those that are there:
/// `max_completion_tokens`, `max_tokens` or `max_output_tokens`, the model's longest output; where none is,
/// what its window leaves; else 4,096 tokens. That times `n`.
[[nodiscard]] consumption expected(const prepared_request& request, const price_list& prices,
                                   const model_sizes& sizes);

/// Adds the text that a piece of a stream has for its reader, reasoning and arguments of calls included.
void meter_text(std::string_view piece, text_meter& into) noexcept;

} // namespace modelmesh::budget
