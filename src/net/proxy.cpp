#include "net/proxy.hpp"

#include "proto/http1_syntax.hpp"

#include <modelmesh/core/base64.hpp>

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace modelmesh::net {
namespace {

namespace ip = boost::asio::ip;

fault wrong(std::string_view what) {
    std::string text = "invalid proxy URL: ";
    text += what;
    return {errc::config, std::move(text)};
}

std::optional<std::string> percent_decoded(std::string_view text) {
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            decoded += text[i];
            continue;
        }
        if (text.size() - i < 3) return std::nullopt;
        const auto value = proto::parse_number(text.substr(i + 1, 2), 16);
        if (!value) return std::nullopt;
        decoded += static_cast<char>(*value);
        i += 2;
    }
    return decoded;
}

result<std::string> basic_authorization(std::string_view user_info) {
    const std::size_t colon = std::min(user_info.find(':'), user_info.size());
    const auto user = percent_decoded(user_info.substr(0, colon));
    const auto password = percent_decoded(user_info.substr(std::min(colon + 1, user_info.size())));
    if (!user || !password) return wrong("a '%' in the user name or password begins no two hex digits");
    // RFC 7617: whoever reads it takes the first colon for the end of the name.
    if (user->find(':') != std::string::npos) return wrong("the user name contains a colon");
    const std::string both = *user + ":" + *password;
    if (std::any_of(both.begin(), both.end(), [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; }))
        return wrong("the user name or password contains a control character");
    return "Basic " + base64::encode(both);
}

std::optional<ip::address> address_of(std::string_view text) {
    if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
    boost::system::error_code ec;
    const ip::address made = ip::make_address(std::string(text), ec);
    if (ec) return std::nullopt;
    return made;
}

template <std::size_t Size>
bool same_prefix(const std::array<unsigned char, Size>& a, const std::array<unsigned char, Size>& b,
                 std::size_t bits) {
    const std::size_t whole = bits / 8;
    if (!std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(whole), b.begin())) return false;
    const std::size_t rest = bits % 8;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

bool is_in_block(const ip::address& host, std::string_view block) {
    const std::size_t slash = block.find('/');
    const auto base = address_of(block.substr(0, slash));
    const auto bits = proto::parse_number(block.substr(slash + 1), 10);
    if (!base || !bits || base->is_v4() != host.is_v4() || *bits > (host.is_v4() ? 32u : 128u)) return false;
    if (host.is_v4()) return same_prefix(host.to_v4().to_bytes(), base->to_v4().to_bytes(), *bits);
    return same_prefix(host.to_v6().to_bytes(), base->to_v6().to_bytes(), *bits);
}

// Takes `:port` off the end. False: it is there, and is not this port. A bare IPv6 address has no port.
bool strip_port(std::string_view& entry, std::uint16_t port) {
    const std::size_t colon = entry.rfind(':');
    if (colon == std::string_view::npos) return true;
    const std::string_view host = entry.substr(0, colon);
    const bool is_bracketed = host.starts_with('[') && host.ends_with(']');
    if (!is_bracketed && host.find(':') != std::string_view::npos) return true;
    if (!is_bracketed && entry.starts_with('[')) return true;
    const bool is_same = proto::parse_number(entry.substr(colon + 1), 10) == port;
    entry = host;
    return is_same;
}

bool matches(const origin& to, const std::optional<ip::address>& address, std::string_view entry) {
    if (entry == "*") return true;
    if (entry.find('/') != std::string_view::npos) return address && is_in_block(*address, entry);
    if (!strip_port(entry, to.port)) return false;
    if (address) return address_of(entry) == address;
    if (entry.starts_with("*.")) entry.remove_prefix(1);
    while (entry.starts_with('.')) entry.remove_prefix(1);
    while (entry.ends_with('.')) entry.remove_suffix(1);
    std::string_view host = to.host;
    while (host.ends_with('.')) host.remove_suffix(1);
    const std::string name = lower_case(entry);
    if (name.empty() || !host.ends_with(name)) return false;
    return host.size() == name.size() || host[host.size() - name.size() - 1] == '.';
}

} // namespace

result<proxy> parse_proxy(std::string_view text) {
    std::string scheme = "http";
    if (const std::size_t at = text.find("://"); at != std::string_view::npos) {
        scheme = lower_case(text.substr(0, at));
        text.remove_prefix(at + 3);
    }
    if (scheme.starts_with("socks")) return wrong("SOCKS is not supported, only http:// and https:// are");
    if (scheme != "http" && scheme != "https") return wrong("it must begin with http:// or https://");

    proxy made;
    const std::string_view authority = text.substr(0, text.find_first_of("/?#\\"));
    if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
        result<std::string> authorization = basic_authorization(authority.substr(0, at));
        if (!authorization) return authorization.error();
        made.authorization = std::move(*authorization);
        text.remove_prefix(at + 1);
    }
    result<url> server = parse_url(scheme + "://" + std::string(text));
    if (!server) return wrong(std::string_view(server.error().message).substr(sizeof "invalid URL: " - 1));
    if (!server->path.empty()) return wrong("a proxy has no path");
    made.where = std::move(server->where);
    return made;
}

bool bypasses_proxy(const origin& to, std::string_view no_proxy) {
    constexpr std::string_view separators = ", \t";
    const std::optional<ip::address> address = address_of(to.host);
    for (;;) {
        const std::size_t begin = no_proxy.find_first_not_of(separators);
        if (begin == std::string_view::npos) return false;
        no_proxy.remove_prefix(begin);
        const std::string_view entry = no_proxy.substr(0, no_proxy.find_first_of(separators));
        if (matches(to, address, entry)) return true;
        no_proxy.remove_prefix(entry.size());
    }
}

result<std::optional<proxy>> choose_proxy(const origin& to, std::string_view configured,
                                          const environment_reader& environment) {
    const auto read = [](std::string_view value, std::string_view name) -> result<std::optional<proxy>> {
        result<proxy> made = parse_proxy(value);
        if (made) return std::optional<proxy>(std::move(*made));
        return fault(errc::config, std::string(name) + ": " + made.error().message);
    };
    if (configured == "none") return std::optional<proxy>();
    if (!configured.empty()) return read(configured, "proxy");

    for (const char* name : {"no_proxy", "NO_PROXY"}) {
        const auto exceptions = environment(name);
        if (!exceptions) continue;
        if (bypasses_proxy(to, *exceptions)) return std::optional<proxy>();
        break; // as with the others, the small letters win
    }
    constexpr std::array secure{"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
    constexpr std::array plain{"http_proxy", "all_proxy", "ALL_PROXY"};
    for (const char* name : to.tls ? std::span<const char* const>(secure) : plain)
        if (const auto value = environment(name)) return read(*value, name);
    return std::optional<proxy>();
}

} // namespace modelmesh::net
