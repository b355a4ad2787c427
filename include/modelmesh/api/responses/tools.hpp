// The tools that a request of the Responses API offers: functions of the caller, and what the provider runs itself.
#pragma once

#include <modelmesh/json/fields.hpp>
#include <modelmesh/json/types.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace modelmesh::responses {

// ----------------------------------------------------------------------------------------------------
// where code runs

struct domain_secret {
    std::string domain{};
    std::string name{};
    std::string value{};
    json::extra extra{};

    friend bool operator==(const domain_secret&, const domain_secret&) = default;
};

struct network_policy {
    std::string type{}; ///< disabled, allowlist
    json::maybe<std::vector<std::string>> allowed_domains{};
    json::maybe<std::vector<domain_secret>> domain_secrets{};
    json::extra extra{};

    friend bool operator==(const network_policy&, const network_policy&) = default;
};

struct skill_source {
    std::string type = "base64";
    std::string media_type = "application/zip";
    std::string data{};
    json::extra extra{};

    friend bool operator==(const skill_source&, const skill_source&) = default;
};

/// A folder of instructions: on this machine (`path`), at the provider (`skill_id`) or in the request (`source`).
struct skill {
    json::maybe<std::string> type{}; ///< skill_reference, inline; absent on this machine
    json::maybe<std::string> skill_id{};
    json::maybe<std::string> version{};
    json::maybe<std::string> name{};
    json::maybe<std::string> description{};
    json::maybe<std::string> path{};
    json::maybe<skill_source> source{};
    json::extra extra{};

    friend bool operator==(const skill&, const skill&) = default;
};

/// Where the provider's code runs, or commands do; `type` says which of the other members may be set.
struct environment {
    std::string type{}; ///< auto (code interpreter); local, container_auto, container_reference (shell)
    json::maybe<std::string> container_id{};
    json::maybe<std::vector<std::string>> file_ids{};
    json::maybe<std::string> memory_limit{}; ///< 1g, 4g, 16g, 64g
    json::maybe<responses::network_policy> network_policy{};
    json::maybe<std::vector<skill>> skills{};
    json::extra extra{};

    friend bool operator==(const environment&, const environment&) = default;
};

// ----------------------------------------------------------------------------------------------------
// functions of the caller

struct function_tool {
    std::string type = "function";
    std::string name{};
    json::maybe<std::string> description{};
    json::maybe<json::raw> parameters{};    ///< JSON Schema
    json::maybe<json::raw> output_schema{}; ///< JSON Schema
    json::maybe<bool> strict{};
    json::maybe<bool> defer_loading{};                       ///< found by tool search only
    json::maybe<std::vector<std::string>> allowed_callers{}; ///< direct, programmatic
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "function"};
    friend bool operator==(const function_tool&, const function_tool&) = default;
};

struct input_format {
    std::string type = "text";         ///< text, grammar
    json::maybe<std::string> syntax{}; ///< of a grammar: lark, regex
    json::maybe<std::string> definition{};
    json::extra extra{};

    friend bool operator==(const input_format&, const input_format&) = default;
};

/// A tool whose input is a text and no JSON.
struct custom_tool {
    std::string type = "custom";
    std::string name{};
    json::maybe<std::string> description{};
    json::maybe<input_format> format{};
    json::maybe<bool> defer_loading{};
    json::maybe<std::vector<std::string>> allowed_callers{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "custom"};
    friend bool operator==(const custom_tool&, const custom_tool&) = default;
};

// ----------------------------------------------------------------------------------------------------
// tools of the provider

struct hybrid_search {
    double embedding_weight = 0;
    double text_weight = 0;
    json::extra extra{};

    friend bool operator==(const hybrid_search&, const hybrid_search&) = default;
};

struct ranking_options {
    json::maybe<std::string> ranker{};
    json::maybe<double> score_threshold{}; ///< 0 to 1
    json::maybe<responses::hybrid_search> hybrid_search{};
    json::extra extra{};

    friend bool operator==(const ranking_options&, const ranking_options&) = default;
};

using filter_scalar = std::variant<std::string, double>;
using filter_value = std::variant<std::string, double, bool, std::vector<filter_scalar>>;

/// Which files are searched: one comparison, or several filters joined.
struct file_filter {
    std::string type{};                              ///< eq, ne, gt, gte, lt, lte, in, nin; and, or
    json::maybe<std::string> key{};                  ///< of a comparison
    json::maybe<filter_value> value{};               ///< of a comparison
    json::maybe<std::vector<file_filter>> filters{}; ///< of and, or
    json::extra extra{};

    friend bool operator==(const file_filter&, const file_filter&) = default;
};

struct file_search_tool {
    std::string type = "file_search";
    std::vector<std::string> vector_store_ids{};
    json::maybe<std::int64_t> max_num_results{};
    json::maybe<responses::ranking_options> ranking_options{};
    json::maybe<file_filter> filters{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "file_search"};
    friend bool operator==(const file_search_tool&, const file_search_tool&) = default;
};

struct computer_use_tool {
    std::string type = "computer_use_preview";
    std::string environment{}; ///< windows, mac, linux, ubuntu, browser
    std::int64_t display_width = 0;
    std::int64_t display_height = 0;
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "computer_use_preview"};
    friend bool operator==(const computer_use_tool&, const computer_use_tool&) = default;
};

struct mcp_filter {
    json::maybe<std::vector<std::string>> tool_names{};
    json::maybe<bool> read_only{};
    json::extra extra{};

    friend bool operator==(const mcp_filter&, const mcp_filter&) = default;
};

struct mcp_approval {
    json::maybe<mcp_filter> always{};
    json::maybe<mcp_filter> never{};
    json::extra extra{};

    friend bool operator==(const mcp_approval&, const mcp_approval&) = default;
};

/// The tools of an MCP server that the provider calls.
struct mcp_tool {
    std::string type = "mcp";
    std::string server_label{};
    json::maybe<std::string> server_url{};
    json::maybe<std::string> connector_id{};
    json::maybe<std::string> tunnel_id{};
    json::maybe<std::string> authorization{}; ///< an OAuth token
    json::maybe<std::string> server_description{};
    json::maybe<std::map<std::string, std::string>> headers{};
    json::maybe<std::variant<std::vector<std::string>, mcp_filter>> allowed_tools{};
    json::maybe<std::vector<std::string>> allowed_callers{};
    json::maybe<std::variant<std::string, mcp_approval>>
        require_approval{}; ///< "always", "never", or by tool
    json::maybe<bool> defer_loading{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "mcp"};
    friend bool operator==(const mcp_tool&, const mcp_tool&) = default;
};

struct code_interpreter_tool {
    std::string type = "code_interpreter";
    std::variant<std::string, environment> container{}; ///< its id, or what it is to be like
    json::maybe<std::vector<std::string>> allowed_callers{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "code_interpreter"};
    friend bool operator==(const code_interpreter_tool&, const code_interpreter_tool&) = default;
};

struct image_mask {
    json::maybe<std::string> image_url{}; ///< a data URL
    json::maybe<std::string> file_id{};
    json::extra extra{};

    friend bool operator==(const image_mask&, const image_mask&) = default;
};

struct image_generation_tool {
    std::string type = "image_generation";
    json::maybe<std::string> model{};
    json::maybe<std::string> quality{};             ///< low, medium, high, auto
    json::maybe<std::string> size{};                ///< 1024x1024 and its like, or auto
    json::maybe<std::string> output_format{};       ///< png, webp, jpeg
    json::maybe<std::int64_t> output_compression{}; ///< percent
    json::maybe<std::string> moderation{};          ///< auto, low
    json::maybe<std::string> background{};          ///< transparent, opaque, auto
    json::maybe<std::string> input_fidelity{};      ///< high, low
    json::maybe<image_mask> input_image_mask{};
    json::maybe<std::int64_t> partial_images{}; ///< 0 to 3
    json::maybe<std::string> action{};          ///< generate, edit, auto
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "image_generation"};
    friend bool operator==(const image_generation_tool&, const image_generation_tool&) = default;
};

struct shell_tool {
    std::string type = "shell";
    json::maybe<responses::environment> environment{};
    json::maybe<std::vector<std::string>> allowed_callers{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "shell"};
    friend bool operator==(const shell_tool&, const shell_tool&) = default;
};

/// Finds tools whose loading is deferred.
struct tool_search_tool {
    std::string type = "tool_search";
    json::maybe<std::string> execution{}; ///< server, client
    json::maybe<std::string> description{};
    json::maybe<json::raw> parameters{}; ///< JSON Schema
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "tool_search"};
    friend bool operator==(const tool_search_tool&, const tool_search_tool&) = default;
};

struct search_domains {
    json::maybe<std::vector<std::string>> allowed_domains{};
    json::extra extra{};

    friend bool operator==(const search_domains&, const search_domains&) = default;
};

struct search_location {
    json::maybe<std::string> type{};    ///< approximate
    json::maybe<std::string> country{}; ///< ISO 3166-1, two letters
    json::maybe<std::string> region{};
    json::maybe<std::string> city{};
    json::maybe<std::string> timezone{}; ///< IANA
    json::extra extra{};

    friend bool operator==(const search_location&, const search_location&) = default;
};

/// The provider's tools that take few settings or none, each by its `type`. Web search is among them, because
/// it goes by four names. So is a tool that is newer than these types: its settings are in `extra`.
struct hosted_tool {
    /// web_search, web_search_2025_08_26, web_search_preview, web_search_preview_2025_03_11, computer,
    /// local_shell, apply_patch, programmatic_tool_calling
    std::string type{};
    json::maybe<bool> external_web_access{}; ///< this and the next four: web search
    json::maybe<search_domains> filters{};
    json::maybe<search_location> user_location{};
    json::maybe<std::string> search_context_size{};               ///< low, medium, high
    json::maybe<std::vector<std::string>> search_content_types{}; ///< text, image
    json::maybe<std::vector<std::string>> allowed_callers{};      ///< apply_patch
    json::extra extra{};

    friend bool operator==(const hosted_tool&, const hosted_tool&) = default;
};

/// Functions under one name, which a model sees as a group.
struct namespace_tool {
    std::string type = "namespace";
    std::string name{};
    std::string description{};
    std::vector<std::variant<function_tool, custom_tool, hosted_tool>> tools{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "namespace"};
    friend bool operator==(const namespace_tool&, const namespace_tool&) = default;
};

// hosted_tool takes every type that the others do not, so it is the last.
using tool = std::variant<function_tool, custom_tool, mcp_tool, file_search_tool, code_interpreter_tool,
                          image_generation_tool, shell_tool, computer_use_tool, namespace_tool,
                          tool_search_tool, hosted_tool>;

// ----------------------------------------------------------------------------------------------------

/// The tool, or kind of tool, that the model shall use; `type` says which of the other members are set.
struct chosen_tool {
    std::string type{}; ///< function, custom, mcp, allowed_tools, or the type of a tool of the provider
    json::maybe<std::string> name{};
    json::maybe<std::string> server_label{};     ///< of mcp
    json::maybe<std::string> mode{};             ///< of allowed_tools: auto, required
    json::maybe<std::vector<json::raw>> tools{}; ///< of allowed_tools: only what names them
    json::extra extra{};

    friend bool operator==(const chosen_tool&, const chosen_tool&) = default;
};

/// "none", "auto", "required", or one tool.
using tool_choice = std::variant<std::string, chosen_tool>;

} // namespace modelmesh::responses
