// Base64 (RFC 4648, section 4).
#pragma once

#include <modelmesh/core/result.hpp>

#include <string>
#include <string_view>

namespace modelmesh::base64 {

[[nodiscard]] std::string encode(std::string_view bytes);
/// Errors: protocol, the text is not base64 with its padding.
[[nodiscard]] result<std::string> decode(std::string_view text);

} // namespace modelmesh::base64
