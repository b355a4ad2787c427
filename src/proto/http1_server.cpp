// The server's side of the grammar.
#include "proto/http1_server.hpp"

#include "proto/http1_syntax.hpp"

#include <algorithm>
#include <charconv>

namespace modelmesh::proto {
namespace {

struct reason {
    int status;
    std::string_view phrase;
};
constexpr reason reasons[] = {{200, "OK"},
                              {201, "Created"},
                              {202, "Accepted"},
                              {204, "No Content"},
                              {206, "Partial Content"},
                              {301, "Moved Permanently"},
                              {302, "Found"},
                              {304, "Not Modified"},
                              {307, "Temporary Redirect"},
                              {308, "Permanent Redirect"},
                              {400, "Bad Request"},
                              {401, "Unauthorized"},
                              {402, "Payment Required"},
                              {403, "Forbidden"},
                              {404, "Not Found"},
                              {405, "Method Not Allowed"},
                              {406, "Not Acceptable"},
                              {408, "Request Timeout"},
                              {409, "Conflict"},
                              {410, "Gone"},
                              {411, "Length Required"},
                              {413, "Content Too Large"},
                              {414, "URI Too Long"},
                              {415, "Unsupported Media Type"},
                              {417, "Expectation Failed"},
                              {422, "Unprocessable Content"},
                              {429, "Too Many Requests"},
                              {431, "Request Header Fields Too Large"},
                              {500, "Internal Server Error"},
                              {501, "Not Implemented"},
                              {502, "Bad Gateway"},
                              {503, "Service Unavailable"},
                              {504, "Gateway Timeout"},
                              {505, "HTTP Version Not Supported"}};

std::string_view reason_of(int status) noexcept {
    for (const reason& known : reasons)
        if (known.status == status) return known.phrase;
    return {}; // RFC 9112, section 4: may be empty
}

} // namespace

void request_parser::start() {
    reset();
    method_.clear();
    target_.clear();
    host_.clear();
    is_absolute_ = false;
    expects_continue_ = false;
    is_http2_preface_ = false;
}

bool request_parser::on_start_line(std::string_view line) {
    if (line.empty()) return false; // RFC 9112, section 2.2: what an old client sends behind a body
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == last) return fail("not an HTTP/1 request line"); // also without any blank
    const std::string_view method = line.substr(0, first);
    const std::string_view target = line.substr(first + 1, last - first - 1);
    const std::string_view version = line.substr(last + 1);
    if (!is_token(method)) return fail("bad method");
    if (version.size() != 8 || !version.starts_with("HTTP/") || version[6] != '.' || version[5] < '0' ||
        version[5] > '9' || version[7] < '0' || version[7] > '9')
        return fail("not an HTTP/1 request line");
    if (version[5] != '1' || version[7] > '1') {
        is_http2_preface_ = line == http2_preface_line;
        return fail("a version other than HTTP/1.0 and 1.1", 505);
    }
    set_http_1_0(version[7] == '0');
    method_ = method;
    return take_target(target);
}

bool request_parser::take_authority(std::string_view authority) {
    if (!is_authority(authority)) return fail("bad host");
    host_ = authority;
    return true;
}

bool request_parser::take_target(std::string_view target) {
    if (!is_target_text(target)) return fail("bad target");
    if (method_ == "CONNECT") {
        if (target.find(':') == std::string_view::npos || !is_authority(target)) return fail("bad target");
        return fail("a tunnel was asked for", 501);
    }
    if (target == "*") {
        if (method_ != "OPTIONS") return fail("bad target");
        target_ = target;
        return true;
    }
    if (target.starts_with('/')) {
        target_ = target;
        return true;
    }
    const std::size_t colon = target.find("://");
    if (colon == std::string_view::npos) return fail("bad target");
    const std::string_view scheme = target.substr(0, colon);
    if (!http::iequals(scheme, "http") && !http::iequals(scheme, "https")) return fail("bad target");
    target.remove_prefix(colon + 3);
    const std::size_t path = std::min(target.find_first_of("/?"), target.size());
    if (!take_authority(target.substr(0, path))) return false;
    is_absolute_ = true;
    target.remove_prefix(path);
    if (target.empty())
        target_ = method_ == "OPTIONS" ? "*" : "/";
    else if (target.starts_with('?'))
        target_.assign("/").append(target);
    else
        target_ = target;
    return true;
}

bool request_parser::on_head_end() {
    if (!read_framing()) return false;
    std::size_t hosts = 0;
    std::size_t lengths = 0;
    bool is_strange = false;
    for (const http::header field : headers()) {
        if (http::iequals(field.name, "host")) {
            ++hosts;
            // RFC 9112, section 3.2.2: the target in absolute form wins, but the field must still be valid.
            if (is_absolute_ ? !is_authority(field.value) : !take_authority(field.value))
                return fail("bad host");
        } else if (http::iequals(field.name, "content-length")) {
            ++lengths;
        } else if (http::iequals(field.name, "expect")) {
            if (http::iequals(field.value, "100-continue"))
                expects_continue_ = !http_1_0(); // RFC 9110, section 10.1.1: ignored in HTTP/1.0
            else
                is_strange = true;
        }
    }
    if (lengths > 1) return fail("more than one content-length"); // also equal ones, as in a list
    if (hosts > 1) return fail("more than one host");
    if (hosts == 0 && !http_1_0()) return fail("no host");
    if (is_strange) return fail("an expectation other than 100-continue", 417);
    begin_body(unframed::has_no_body);
    if (ended()) expects_continue_ = false;
    return true;
}

result<void> check_response(int status, const http::headers& headers) {
    if (status < 200 || status > 599) return fault(errc::config, "the status of a response is 200 to 599");
    return check_fields(headers, "response");
}

result<void> write_response_head(std::string& out, int status, const http::headers& headers,
                                 const response_frame& frame) {
    if (auto fit = check_response(status, headers); !fit) return fit;
    out.append("HTTP/1.1 ");
    append_number(out, status);
    out.append(" ").append(reason_of(status)).append(line_end);
    for (const http::header field : headers) append_field(out, field.name, field.value);
    if (!frame.date.empty() && !headers.contains("date")) append_field(out, "Date", frame.date);
    if (frame.framing == body_framing::counted) {
        out.append("Content-Length: ");
        append_number(out, frame.length);
        out.append(line_end);
    } else if (frame.framing == body_framing::chunked) {
        append_field(out, "Transfer-Encoding", "chunked");
    }
    const bool is_last = !frame.keep_alive || frame.framing == body_framing::until_close;
    if (is_last)
        append_field(out, "Connection", "close");
    else if (frame.http_1_0)
        append_field(out, "Connection", "keep-alive");
    out.append(line_end);
    return {};
}

chunk_head::chunk_head(std::size_t size) noexcept {
    text_[--begin_] = chunk_end[1];
    text_[--begin_] = chunk_end[0];
    do {
        text_[--begin_] = "0123456789abcdef"[size % 16];
        size /= 16;
    } while (size != 0);
}

} // namespace modelmesh::proto
