// Base class of every provider that speaks OpenAI's formats: passes bytes through, classifies errors.
#pragma once

#include <modelmesh/connector/provider.hpp>

#include <chrono>
#include <optional>
#include <span>
#include <string_view>

namespace modelmesh::connector {

/// The formats of `POST {base}/chat/completions` and of the other operations, of `GET {base}/models`, and of calls
/// about objects (OpenAI API 2.3.0). Derive and override what a vendor does differently.
class openai_compatible : public provider {
public:
    result<void> encode(const prepared_request& input, const target& to,
                        http::request& output) const override;
    result<std::string> decode(const prepared_request& input, http::response&& answer) const override;
    [[nodiscard]] fault classify(const http::response& answer,
                                 std::chrono::system_clock::time_point wall) const override;
    [[nodiscard]] std::unique_ptr<stream_decoder> open_stream(const prepared_request& input) const override;
    result<void> encode_object(const object_call& input, const target& to,
                               http::request& output) const override;
    [[nodiscard]] std::unique_ptr<stream_decoder> open_object_stream(const object_call& input) const override;
    result<void> encode_list_models(const target& to, http::request& output) const override;
    result<std::vector<model_info>> decode_list_models(http::response&& answer) const override;
    /// The list does not say it either; this guesses by the words of the name, and is wrong at most about who
    /// may be chosen without being named.
    [[nodiscard]] std::vector<std::string> capabilities_of(std::string_view model) const override;

protected:
    /// Fields that every request carries: the credentials.
    virtual void authorize(const target& to, http::headers& output) const;
    /// Whether this server accepts `stream_options.include_usage`; without it a stream has no usage.
    [[nodiscard]] virtual bool wants_stream_usage() const noexcept { return true; }
};

/// Whether one of `words` (lower case) is a word of `name`: bounded by its ends or by what is no letter and
/// no digit.
[[nodiscard]] bool has_word(std::string_view name, std::span<const std::string_view> words);

/// Reads how long an answer asks to wait: `retry-after-ms`, then `Retry-After` in seconds or as an HTTP date.
/// @param wall  now, for the date form. Empty when no header says so or it does not parse.
[[nodiscard]] std::optional<std::chrono::milliseconds> retry_after(
    const http::headers& headers, std::chrono::system_clock::time_point wall);

} // namespace modelmesh::connector
