// What the messages, tool results and thoughts of the Responses API are made of.
#pragma once

#include <modelmesh/api/chat/message.hpp>
#include <modelmesh/json/types.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace modelmesh::responses {

struct top_logprob {
    json::maybe<std::string> token{};
    json::maybe<double> logprob{};
    json::maybe<std::vector<int>> bytes{}; ///< UTF-8; a character may be spread over several tokens
    json::extra extra{};

    friend bool operator==(const top_logprob&, const top_logprob&) = default;
};

struct token_logprob {
    std::string token{};
    double logprob = 0;
    json::maybe<std::vector<int>> bytes{};
    json::maybe<std::vector<top_logprob>> top_logprobs{};
    json::extra extra{};

    friend bool operator==(const token_logprob&, const token_logprob&) = default;
};

/// Where a text comes from; `type` says which of the other members are set.
struct annotation {
    std::string type{}; ///< file_citation, url_citation, container_file_citation, file_path
    json::maybe<std::string> container_id{};
    json::maybe<std::string> file_id{};
    json::maybe<std::string> filename{};
    json::maybe<std::string> url{};
    json::maybe<std::string> title{};
    json::maybe<std::int64_t> index{};       ///< of the file in the list of files
    json::maybe<std::int64_t> start_index{}; ///< in characters of the text
    json::maybe<std::int64_t> end_index{};
    json::extra extra{};

    friend bool operator==(const annotation&, const annotation&) = default;
};

/// One part of a content, in either direction; `type` says which of the other members are set.
struct part {
    /// input_text, input_image, input_file; output_text, refusal; reasoning_text, summary_text
    std::string type{};
    json::maybe<std::string> text{};
    json::maybe<std::vector<annotation>> annotations{};
    json::maybe<std::vector<token_logprob>> logprobs{};
    json::maybe<std::string> refusal{};
    json::maybe<std::string> image_url{}; ///< http(s) or a data URL
    json::maybe<std::string> detail{}; ///< of an image: low, high, auto, original; of a file: auto, low, high
    json::maybe<std::string> file_id{};
    json::maybe<std::string> filename{};
    json::maybe<std::string> file_data{}; ///< a data URL
    json::maybe<std::string> file_url{};
    json::maybe<chat::cache_breakpoint> prompt_cache_breakpoint{};
    json::extra extra{};

    friend bool operator==(const part&, const part&) = default;
};

/// A plain text, or parts.
using content = std::variant<std::string, std::vector<part>>;

[[nodiscard]] part text_part(std::string text);
/// @param url  http(s), or a data URL with the image in it.
[[nodiscard]] part image_part(std::string url);

} // namespace modelmesh::responses
