// Forms with files, as browsers post them: multipart/form-data (RFC 7578).
#pragma once

#include <modelmesh/core/random.hpp>
#include <modelmesh/http/body_source.hpp>
#include <modelmesh/http/message.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace modelmesh::http {

/// Collects the parts of one form, in the order in which they are sent. Quotes and line ends in names are
/// written as %22, %0D and %0A, as browsers and curl do; everything else as it is.
///
///     http::form_data form(random);
///     form.add_field("model", "whisper-1");
///     form.add_file("file", "a.wav", "audio/wav", http::file_source("a.wav").value());
///     std::move(form).attach_to(request);
class form_data {
public:
    /// @param random  for the boundary between parts; must outlive the form.
    explicit form_data(rng& random) : random_(random) {}

    void add_field(std::string_view name, std::string_view value);
    /// @param source  of this part alone. @param content_type  empty: the part has none.
    /// @throws std::invalid_argument  the content type has a line end or another control character, or
    /// there is no source.
    void add_file(std::string_view name, std::string_view file_name, std::string_view content_type,
                  std::shared_ptr<body_source> source);

    /// Makes this the request's body, and sets its Content-Type. The length is known when those of all parts
    /// are, and the body can be sent again when all of them can.
    void attach_to(request& into) &&;

private:
    struct part {
        std::string head; // without the boundary in front of it
        std::string value;
        std::shared_ptr<body_source> source; // null: value
    };
    [[nodiscard]] std::string choose_boundary() const;

    rng& random_;
    std::vector<part> parts_;
};

} // namespace modelmesh::http
