// The grammar that both directions of HTTP/1.1 share: RFC 9112 (messages) with the field rules of RFC 9110
// section 5.
#pragma once

#include <modelmesh/core/result.hpp>
#include <modelmesh/http/message.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace modelmesh::proto {

inline constexpr std::string_view line_end = "\r\n";

[[nodiscard]] bool is_token(std::string_view text) noexcept;
/// Visible characters, blanks and bytes above ASCII: no control character, so no line can be smuggled in.
[[nodiscard]] bool is_field_content(std::string_view text) noexcept;
/// Not empty, and only what may be in the target of a request.
[[nodiscard]] bool is_target_text(std::string_view text) noexcept;
/// Host or host:port. Names, IPv4 and bracketed IPv6 by their characters; whether it exists is not asked.
[[nodiscard]] bool is_authority(std::string_view text) noexcept;
[[nodiscard]] constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }
[[nodiscard]] std::string_view trim_blanks(std::string_view text) noexcept;
/// Whether a comma-separated list has the item, without case.
[[nodiscard]] bool has_list_item(std::string_view list, std::string_view item) noexcept;
/// Digits only, no sign and nothing around them; no value also when it does not fit.
[[nodiscard]] std::optional<std::uint64_t> parse_number(std::string_view digits, int base) noexcept;
/// Fields that say where a message ends or what becomes of the connection: set by the transport alone.
[[nodiscard]] bool is_framing_field(std::string_view name) noexcept;
/// Whether fields may go on the wire. Errors: config, naming the field but never its value. @param noun  of
/// the message, in the text of an error.
[[nodiscard]] result<void> check_fields(const http::headers& fields, std::string_view noun);

void append_field(std::string& out, std::string_view name, std::string_view value);
void append_number(std::string& out, std::uint64_t value);

} // namespace modelmesh::proto
