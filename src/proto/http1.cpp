// The client's side of the grammar.
#include "proto/http1.hpp"

#include "proto/http1_syntax.hpp"

#include <modelmesh/http/body_source.hpp>

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

result<void> check_request(const http::request& request) {
    if (!is_token(request.method)) return fault(errc::config, "the HTTP method is not a token");
    const bool target_fits =
        request.target.starts_with('/') &&
        std::all_of(request.target.begin(), request.target.end(), [](char c) { return c > ' ' && c < 0x7f; });
    if (!target_fits)
        return fault(errc::config,
                     "the request target must start with '/' and be printable ASCII without blanks");
    if (request.source && !request.body.empty())
        return fault(errc::config, "the request has both a body and a source of one");
    return check_fields(request.headers, "request");
}

void write_request_head(std::string& out, const http::request& request, const request_defaults& defaults) {
    std::size_t size = request.method.size() + request.target.size() + defaults.host.size() +
                       defaults.user_agent.size() + 128; // 128: the fixed text below
    for (const http::header field : request.headers) size += field.name.size() + field.value.size() + 4;
    out.reserve(out.size() + size);

    out.append(request.method).append(" ").append(request.target).append(" HTTP/1.1\r\n");
    if (!request.headers.contains("host")) append_field(out, "Host", defaults.host);
    if (!request.headers.contains("user-agent")) append_field(out, "User-Agent", defaults.user_agent);
    if (!request.headers.contains("accept-encoding")) append_field(out, "Accept-Encoding", "identity");
    for (const http::header field : request.headers) append_field(out, field.name, field.value);
    const bool expects_body =
        request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
    std::optional<std::uint64_t> length;
    if (request.source) {
        length = request.source->length();
        if (!length) append_field(out, "Transfer-Encoding", "chunked");
    } else if (expects_body || !request.body.empty()) {
        length = request.body.size();
    }
    if (length) {
        out.append("Content-Length: ");
        append_number(out, *length);
        out.append(line_end);
    }
    out.append(line_end);
}

} // namespace modelmesh::proto
