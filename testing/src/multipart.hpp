// Forms with files, as clients upload them: multipart/form-data (RFC 7578).
#pragma once

#include "wire.hpp"

#include <modelmesh/testing/simulator.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace modelmesh::testing::detail {

/// One part as it was sent.
struct form_part {
    std::string name;
    std::optional<std::string> file_name; ///< only files have one
    std::string content_type;
    std::string body;
};

/// The parts of a body in their order. Strict: what a parser would have to guess at is refused.
/// @throws refusal  says what is wrong.
std::vector<form_part> read_parts(std::string_view content_type, std::string_view body);

/// A form: its text fields, and its files.
class form {
public:
    explicit form(const recorded_request& request);

    /// The text fields. Those whose name ends in [] are lists of texts.
    const fields& texts() const { return texts_; }
    /// The files of this name, or of this name with [].
    std::vector<const form_part*> files(std::string_view name) const;
    /// The file of this name. @throws refusal when there is none.
    const form_part& need_file(std::string_view name) const;

private:
    std::vector<form_part> parts_;
    fields texts_;
};

} // namespace modelmesh::testing::detail
