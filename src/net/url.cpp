// Strict reading of base URLs.
#include "net/url.hpp"

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <charconv>

namespace modelmesh::net {
namespace {

constexpr std::uint16_t http_port = 80;
constexpr std::uint16_t https_port = 443;
constexpr std::size_t longest_host = 253; // RFC 1035
constexpr std::size_t longest_label = 63;

fault wrong(std::string_view what) {
    std::string text = "invalid URL: ";
    text += what;
    return {errc::config, std::move(text)};
}

bool is_host_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool is_name(std::string_view host) {
    if (host.size() > longest_host) return false;
    while (!host.empty()) {
        const auto dot = host.find('.');
        const auto label = host.substr(0, dot);
        if (label.empty() || label.size() > longest_label || label.front() == '-' || label.back() == '-')
            return false;
        if (!std::all_of(label.begin(), label.end(), is_host_character)) return false;
        if (dot == std::string_view::npos) return true;
        host.remove_prefix(dot + 1);
    }
    return true; // one dot at the end is the name's root
}

bool is_ipv4(const std::string& host) {
    boost::system::error_code ec;
    boost::asio::ip::make_address_v4(host, ec);
    return !ec;
}

// A last label of digits only is an address or a mistake, never a name (WHATWG URL, "ends in a number").
bool ends_in_number(std::string_view host) {
    const auto label = host.substr(host.rfind('.') + 1);
    return !label.empty() &&
           std::all_of(label.begin(), label.end(), [](char c) { return c >= '0' && c <= '9'; });
}

result<std::uint16_t> read_port(std::string_view text) {
    unsigned value = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (ec != std::errc{} || end != text.data() + text.size() || value == 0 || value > 65535)
        return wrong("the port must be a number from 1 to 65535");
    return static_cast<std::uint16_t>(value);
}

} // namespace

std::string lower_case(std::string_view text) {
    std::string made(text);
    for (char& c : made)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return made;
}

std::string to_string(const origin& o) {
    std::string text;
    const bool bracketed = o.host.find(':') != std::string::npos;
    if (bracketed) text += '[';
    text += o.host;
    if (bracketed) text += ']';
    text += ':';
    text += std::to_string(o.port);
    return text;
}

std::string host_header(const origin& o) {
    std::string text = to_string(o);
    if (o.port == (o.tls ? https_port : http_port)) text.resize(text.rfind(':'));
    return text;
}

result<url> parse_url(std::string_view text) {
    url parsed;
    if (std::any_of(text.begin(), text.end(), [](char c) { return c <= ' ' || c > '~'; }))
        return wrong("it contains a space, a control character or a character outside ASCII");
    const auto colon = text.find("://");
    if (colon == std::string_view::npos) return wrong("it must begin with http:// or https://");
    const std::string scheme = lower_case(text.substr(0, colon));
    if (scheme != "http" && scheme != "https") return wrong("the scheme must be http or https");
    parsed.where.tls = scheme == "https";
    text.remove_prefix(colon + 3);

    const auto authority_end = std::min(text.find_first_of("/?#\\"), text.size());
    std::string_view authority = text.substr(0, authority_end);
    std::string_view rest = text.substr(authority_end);
    if (authority.find('@') != std::string_view::npos)
        return wrong("it must not contain a user name or password");
    if (rest.find('\\') != std::string_view::npos) return wrong("it contains a backslash");
    if (rest.find('#') != std::string_view::npos) return wrong("a base URL has no fragment ('#...')");
    if (rest.find('?') != std::string_view::npos) return wrong("a base URL has no query ('?...')");

    std::string_view port;
    bool has_port = false;
    if (authority.starts_with('[')) {
        const auto close = authority.find(']');
        if (close == std::string_view::npos) return wrong("the IPv6 address has no closing bracket");
        boost::system::error_code ec;
        const std::string literal(authority.substr(1, close - 1));
        const auto address = boost::asio::ip::make_address_v6(literal, ec);
        if (ec || literal.find('%') != std::string::npos)
            return wrong("the brackets hold no valid IPv6 address");
        parsed.where.host = address.to_string();
        authority.remove_prefix(close + 1);
        has_port = authority.starts_with(':');
        if (!authority.empty() && !has_port) return wrong("only ':' and a port may follow the IPv6 address");
        if (has_port) port = authority.substr(1);
    } else {
        const auto port_colon = authority.find(':');
        has_port = port_colon != std::string_view::npos;
        if (has_port) port = authority.substr(port_colon + 1);
        if (port.find(':') != std::string_view::npos) return wrong("an IPv6 address must stand in brackets");
        parsed.where.host = lower_case(authority.substr(0, port_colon));
        const std::string& host = parsed.where.host;
        if (host.empty()) return wrong("it has no host");
        if (ends_in_number(host)) {
            if (!is_ipv4(host)) return wrong("the host is no valid IPv4 address");
        } else if (!is_name(host)) {
            return wrong("the host is no valid name");
        }
    }
    parsed.where.port = parsed.where.tls ? https_port : http_port;
    if (has_port) {
        const auto number = read_port(port);
        if (!number) return number.error();
        parsed.where.port = *number;
    }
    while (rest.ends_with('/')) rest.remove_suffix(1);
    parsed.path = rest;
    return parsed;
}

} // namespace modelmesh::net
