// The client's side of the grammar.
#include "proto/http1.hpp"

#include "proto/http1_syntax.hpp"

#include <algorithm>

namespace modelmesh::proto {

void response_parser::start(bool to_head) {
    reset();
    to_head_ = to_head;
    status_ = 0;
    interim_ = 0;
}

bool response_parser::on_start_line(std::string_view line) {
    constexpr std::string_view version = "HTTP/1.";
    const std::size_t fixed = version.size() + 2; // the minor version and the blank after it
    if (!line.starts_with(version) || line.size() < fixed + 3 || (line[7] != '0' && line[7] != '1') ||
        line[8] != ' ')
        return fail("not an HTTP/1 status line");
    const std::string_view rest = line.substr(fixed);
    const auto code = parse_number(rest.substr(0, 3), 10);
    if (!code || *code < 100 || (rest.size() > 3 && rest[3] != ' ')) return fail("bad status code");
    status_ = static_cast<int>(*code);
    set_http_1_0(line[7] == '0');
    return true;
}

bool response_parser::on_head_end() {
    if (status_ >= 200) {
        if (!read_framing()) return false;
        if (to_head_ || status_ == 204 || status_ == 304)
            skip_body();
        else
            begin_body(unframed::ends_with_connection);
        return true;
    }
    if (status_ == 101) return fail("switched to a protocol that was not asked for");
    if (++interim_ > interim_limit_) return fail("too many interim responses");
    restart_head();
    return false;
}

result<std::string> write_request_head(const http::request& request, const request_defaults& defaults) {
    if (!is_token(request.method)) return fault(errc::config, "the HTTP method is not a token");
    const bool target_fits =
        request.target.starts_with('/') &&
        std::all_of(request.target.begin(), request.target.end(), [](char c) { return c > ' ' && c < 0x7f; });
    if (!target_fits)
        return fault(errc::config,
                     "the request target must start with '/' and be printable ASCII without blanks");

    std::size_t size = request.method.size() + request.target.size() + defaults.host.size() +
                       defaults.user_agent.size() + 128; // 128: the fixed text below
    for (const http::header& field : request.headers) size += field.name.size() + field.value.size() + 4;
    std::string head;
    head.reserve(size);
    const auto add = [&head](std::string_view name, std::string_view value) {
        head.append(name).append(": ").append(value).append(line_end);
    };

    head.append(request.method).append(" ").append(request.target).append(" HTTP/1.1\r\n");
    if (!request.headers.contains("host")) add("Host", defaults.host);
    if (!request.headers.contains("user-agent")) add("User-Agent", defaults.user_agent);
    if (!request.headers.contains("accept-encoding")) add("Accept-Encoding", "identity");
    for (const http::header& field : request.headers) {
        if (!is_token(field.name)) return fault(errc::config, "the name of a request header is not a token");
        if (is_framing_field(field.name))
            return fault(errc::config, "the request header " + field.name + " is set by the transport");
        if (!is_field_content(field.value))
            return fault(errc::config,
                         "the value of request header " + field.name + " has a control character");
        add(field.name, field.value);
    }
    const bool expects_body =
        request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
    if (expects_body || !request.body.empty()) add("Content-Length", std::to_string(request.body.size()));
    head.append(line_end);
    return head;
}

} // namespace modelmesh::proto
