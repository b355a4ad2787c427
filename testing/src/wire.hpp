// What the routes have in common: reading the members of a request as the vendor checks them, and writing
// ids, times, errors and base64.
#pragma once

#include "script.hpp"

#include <boost/json.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace modelmesh::testing::detail {

/// A request that is refused as the vendor refuses it. Thrown by what reads requests.
struct refusal : std::exception {
    refusal() = default;
    refusal(int code, api_error why) : status(code), error(std::move(why)) {}
    const char* what() const noexcept override { return error.message.c_str(); }

    int status = 400;
    api_error error;
};

refusal invalid(std::string message, std::optional<std::string> param = {},
                std::optional<std::string> code = {});
refusal missing(std::string_view param);
/// @param expected  with its article: "an integer"
refusal wrong_type(std::string_view param, std::string_view expected);

std::string error_body(const api_error& error);

/// The members of a request, from a JSON object or from a form. A member that is null counts as absent.
/// Every reader throws a refusal that names the member.
class fields {
public:
    /// Reads a body of JSON.
    explicit fields(std::string_view body);
    /// The text fields of a form, where numbers and truth values are written as text.
    explicit fields(boost::json::object form) : object_(std::move(form)), from_form_(true) {}

    const boost::json::value* find(std::string_view name) const;
    const boost::json::value& need(std::string_view name) const;
    std::optional<std::string> text(std::string_view name) const;
    std::string need_text(std::string_view name) const;
    bool flag(std::string_view name) const; ///< false when absent
    std::optional<std::int64_t> integer(std::string_view name, std::int64_t low, std::int64_t high) const;
    std::optional<double> number(std::string_view name, double low, double high) const;
    /// One of these words.
    std::optional<std::string> word(std::string_view name,
                                    std::initializer_list<std::string_view> known) const;
    std::string model() const; ///< required, not empty

private:
    boost::json::object object_;
    bool from_form_ = false;
};

/// Texts, or lists of tokens written as their numbers, and how many tokens they are together.
struct text_input {
    std::vector<std::string> texts;
    std::uint64_t tokens = 0;
};

/// A text, a list of texts, a list of tokens, or a list of such lists: what embeddings and completions take.
text_input read_text_input(const fields& in, std::string_view name);

/// Splits text into tokens: a word with the blanks before it. Joined again they give the text.
std::vector<std::string> split_tokens(std::string_view text);

/// Ten digits whatever the number: equal lengths, so that a cut after N bytes falls on equal places.
std::string numbered(const std::string& prefix, std::uint64_t number);

std::int64_t seconds_now();
/// The same number for the same text, on every machine (FNV-1a).
std::uint64_t hash_of(std::string_view text);
std::string base64(std::string_view bytes);

} // namespace modelmesh::testing::detail
