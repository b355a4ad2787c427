// What a configuration file says, before it means anything: texts, lists and maps, each with its place.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace modelmesh::settings {

/// Where something was written. Lines and columns count from 1; line 0: the source has none.
struct place {
    std::shared_ptr<const std::string> source{}; ///< a file's path, or the name of an environment variable
    std::size_t line = 0;
    std::size_t column = 0;
};

/// "file:line:column", or the source alone.
[[nodiscard]] std::string to_string(const place& at);

enum class shape : unsigned char { nothing, text, list, map };

struct entry;

struct node {
    shape what = shape::nothing;
    std::string text{};         ///< as written
    std::string value{};        ///< the text, with its references resolved
    bool has_reference = false; ///< the value is not to be shown: it came from elsewhere
    bool is_variable = false;   ///< the same: it is a variable's, and not for messages
    bool is_reset = false;      ///< `!reset`: takes away what an earlier source said
    std::vector<node> items{};  ///< of a list
    std::vector<entry> entries; ///< of a map, in order; entry is no complete type yet
    place at{};
    std::string path{}; ///< as written: `pools.chat.recovery.cooldown`
};

struct entry {
    std::string key{};
    place at{}; ///< of the key
    node value{};
};

/// The entry of a map; null: there is none.
[[nodiscard]] const entry* find(const node& map, std::string_view key) noexcept;
[[nodiscard]] entry* find(node& map, std::string_view key) noexcept;

/// `path.key`
[[nodiscard]] std::string join(std::string_view path, std::string_view key);

/// What is wrong, and what is only worth a warning.
class findings {
public:
    void problem(const place& at, std::string_view path, std::string_view what);
    void warning(const place& at, std::string_view path, std::string_view what);
    [[nodiscard]] bool has_problems() const noexcept { return !problems_.empty(); }
    [[nodiscard]] std::size_t problem_count() const noexcept { return problems_.size(); }
    /// Whether something is wrong with this path or below it: what follows from it is only a guess.
    [[nodiscard]] bool has_problem_at(std::string_view path) const;
    /// A line each, those of one source together and in its order.
    [[nodiscard]] std::vector<std::string> problems() const;
    [[nodiscard]] const std::vector<std::string>& warnings() const noexcept { return warnings_; }

private:
    struct finding {
        place at;
        std::string path;
        std::string line;
    };
    std::vector<finding> problems_;
    std::vector<std::string> warnings_;
};

/// "; did you mean 'chat'?" for the nearest of the known names, when one is near.
[[nodiscard]] std::string suggestion(std::string_view name, const std::vector<std::string_view>& known);

} // namespace modelmesh::settings
