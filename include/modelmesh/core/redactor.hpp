// Taking secrets out of texts: what events show, and what requests say.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace modelmesh {

/// Knows secrets by their value, by the name that stands before them (`"api_key": "..."`, `api_key=...`) and by how
/// such texts begin (`sk-...`, `Bearer ...`). Threads: as a plain container.
class redactor {
public:
    /// What stands in a secret's place.
    static constexpr std::string_view mask = "***";

    /// A secret's value; it is found as it is, and as a JSON string has it. Those of less than four characters are
    /// ignored: they are in every other text.
    void add_secret(std::string value);
    /// A further name whose value is secret; letters in either case, `-` as `_`.
    void add_name(std::string name);
    /// What another one knows, too.
    void add(const redactor& other);

    /// Whether what goes by this name is secret: api_key, token, secret, password, authorization and the like, or one
    /// that was added.
    [[nodiscard]] bool is_secret_name(std::string_view name) const noexcept;
    /// Whether the value of a secret that was added is in it. Cost: a search for each of them.
    [[nodiscard]] bool has_secret(std::string_view text) const noexcept;
    /// Puts the mask in place of every secret. A JSON document stays one.
    void redact(std::string& text) const;

private:
    void add_form(std::string form);

    std::vector<std::string> secrets_; ///< longest first: one may be in another
    std::vector<std::string> names_;   ///< added ones, in the form that is compared
};

} // namespace modelmesh
