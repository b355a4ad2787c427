#include "dotenv.hpp"

#include "dotenv_parser.hpp"
#include "environment.hpp"

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace modelmesh::connector {
namespace {

constexpr std::uintmax_t most_bytes = 1 << 20;

void warn_of_readers(const std::filesystem::file_status& file, const std::string& path, log_sink* log) {
    using std::filesystem::perms;
    constexpr perms others = perms::group_read | perms::others_read;
    if (log == nullptr || (file.permissions() & others) == perms::none || !log->wants(severity::warning))
        return;
    const std::array<log_field, 2> fields{
        {{"path", path}, {"message", "others may read this file of secrets; chmod 600 keeps it private"}}};
    log->write(severity::warning, "secrets.readable_by_others", fields);
}

} // namespace

result<std::unique_ptr<secret_store>> dotenv_secrets::make(const dotenv_options& options, log_sink* log) {
    std::error_code failure;
    const auto file = std::filesystem::status(options.path, failure);
    if (file.type() == std::filesystem::file_type::not_found)
        return std::make_unique<dotenv_secrets>(std::map<std::string, std::string, std::less<>>(),
                                                options.override_environment);
    if (failure || !std::filesystem::is_regular_file(file))
        return fault(errc::config, options.path + ": " + (failure ? failure.message() : "not a file"));
    if (std::filesystem::file_size(options.path, failure) > most_bytes || failure)
        return fault(errc::config, options.path + ": " + (failure ? failure.message() : "more than 1 MiB"));
    std::ifstream input(options.path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(input), std::istreambuf_iterator<char>()};
    if (!input.is_open() || input.bad()) return fault(errc::config, options.path + ": cannot be read");
    warn_of_readers(file, options.path, log);
    auto entries = parse_dotenv(text);
    if (!entries) return fault(errc::config, options.path + ": " + entries.error().message);
    return std::make_unique<dotenv_secrets>(std::move(*entries), options.override_environment);
}

dotenv_secrets::dotenv_secrets(std::map<std::string, std::string, std::less<>> entries,
                               bool override_environment)
    : entries_(std::move(entries)), override_environment_(override_environment) {}

result<std::optional<std::string>> dotenv_secrets::get(std::string_view name) const {
    const std::optional<std::string> variable = environment_variable(std::string(name));
    const auto found = entries_.find(name);
    const bool is_in_file = found != entries_.end();
    if (variable && !(override_environment_ && is_in_file)) return variable;
    return is_in_file ? std::optional<std::string>(found->second) : std::nullopt;
}

} // namespace modelmesh::connector
