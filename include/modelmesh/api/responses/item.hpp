// Items of the Responses API: messages, thoughts, calls of tools and their results, as they are sent and received.
//
// One type each for both directions: an item of a reply can be part of the next request as it is. What only one of
// them has to have is a `json::maybe`.
#pragma once

#include <modelmesh/api/responses/content.hpp>
#include <modelmesh/api/responses/tools.hpp>

namespace modelmesh::responses {

// ----------------------------------------------------------------------------------------------------
// messages and thoughts

struct message {
    json::maybe<std::string> id{};
    std::string type = "message";
    std::string role{};                ///< user, assistant, system, developer
    responses::content content{};      ///< parts in replies
    json::maybe<std::string> phase{};  ///< commentary, final_answer
    json::maybe<std::string> status{}; ///< in_progress, completed, incomplete, as of most items
    json::extra extra{};

    /// The content when it is a plain text, else its texts one after the other.
    [[nodiscard]] std::string text() const;

    static constexpr json::tag json_tag{"type", "message"};
    friend bool operator==(const message&, const message&) = default;
};

struct reasoning {
    std::string type = "reasoning";
    std::string id{};
    json::maybe<std::string> encrypted_content{}; ///< when the request's `include` asked for it
    std::vector<part> summary{};
    json::maybe<std::vector<part>> content{};
    json::maybe<std::string> status{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "reasoning"};
    friend bool operator==(const reasoning&, const reasoning&) = default;
};

/// What a long conversation was reduced to.
struct compaction {
    std::string type = "compaction";
    json::maybe<std::string> id{};
    std::string encrypted_content{};
    json::maybe<std::string> created_by{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "compaction"};
    friend bool operator==(const compaction&, const compaction&) = default;
};

/// Asks for a compaction of what came before.
struct compaction_trigger {
    std::string type = "compaction_trigger";
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "compaction_trigger"};
    friend bool operator==(const compaction_trigger&, const compaction_trigger&) = default;
};

/// An item that the provider knows already.
struct item_reference {
    std::string type = "item_reference";
    std::string id{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "item_reference"};
    friend bool operator==(const item_reference&, const item_reference&) = default;
};

// ----------------------------------------------------------------------------------------------------
// functions of the caller

/// Who called a tool: the model, or a program that it wrote.
struct caller {
    std::string type = "direct"; ///< direct, program
    json::maybe<std::string> caller_id{};
    json::extra extra{};

    friend bool operator==(const caller&, const caller&) = default;
};

struct function_call {
    std::string type = "function_call";
    json::maybe<std::string> id{};
    std::string call_id{}; ///< what the result has to name; not `id`
    json::maybe<responses::caller> caller{};
    json::maybe<std::string> namespace_{};
    std::string name{};
    std::string arguments{}; ///< JSON text written by the model; may be malformed
    json::maybe<std::string> status{};
    json::maybe<std::string> created_by{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "function_call"};
    static constexpr json::field_rule json_fields[] = {json::rename("namespace_", "namespace")};
    friend bool operator==(const function_call&, const function_call&) = default;
};

struct function_call_output {
    std::string type = "function_call_output";
    json::maybe<std::string> id{};
    json::maybe<std::string> call_id{};
    json::maybe<std::string> name{};
    json::maybe<std::string> namespace_{};
    json::maybe<responses::caller> caller{};
    content output{};
    json::maybe<std::string> status{};
    json::maybe<std::string> created_by{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "function_call_output"};
    static constexpr json::field_rule json_fields[] = {json::rename("namespace_", "namespace")};
    friend bool operator==(const function_call_output&, const function_call_output&) = default;
};

struct custom_tool_call {
    std::string type = "custom_tool_call";
    json::maybe<std::string> id{};
    std::string call_id{};
    json::maybe<responses::caller> caller{};
    json::maybe<std::string> namespace_{};
    std::string name{};
    std::string input{};
    json::maybe<std::string> status{};
    json::maybe<std::string> created_by{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "custom_tool_call"};
    static constexpr json::field_rule json_fields[] = {json::rename("namespace_", "namespace")};
    friend bool operator==(const custom_tool_call&, const custom_tool_call&) = default;
};

struct custom_tool_call_output {
    std::string type = "custom_tool_call_output";
    json::maybe<std::string> id{};
    std::string call_id{};
    json::maybe<responses::caller> caller{};
    content output{};
    json::maybe<std::string> status{};
    json::maybe<std::string> created_by{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "custom_tool_call_output"};
    friend bool operator==(const custom_tool_call_output&, const custom_tool_call_output&) = default;
};

/// A program that the model wrote to call tools.
struct program {
    std::string type = "program";
    std::string id{};
    std::string call_id{};
    std::string code{};
    std::string fingerprint{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "program"};
    friend bool operator==(const program&, const program&) = default;
};

struct program_output {
    std::string type = "program_output";
    std::string id{};
    std::string call_id{};
    std::string result{};
    std::string status{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "program_output"};
    friend bool operator==(const program_output&, const program_output&) = default;
};

// ----------------------------------------------------------------------------------------------------
// searching

using attribute = std::variant<std::string, double, bool>;

struct file_search_result {
    json::maybe<std::string> file_id{};
    json::maybe<std::string> text{};
    json::maybe<std::string> filename{};
    json::maybe<std::map<std::string, attribute>> attributes{};
    json::maybe<double> score{}; ///< 0 to 1
    json::extra extra{};

    friend bool operator==(const file_search_result&, const file_search_result&) = default;
};

struct file_search_call {
    std::string id{};
    std::string type = "file_search_call";
    std::string status{}; ///< in_progress, searching, completed, incomplete, failed
    std::vector<std::string> queries{};
    json::maybe<std::vector<file_search_result>> results{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "file_search_call"};
    friend bool operator==(const file_search_call&, const file_search_call&) = default;
};

struct web_source {
    std::string type = "url";
    std::string url{};
    json::extra extra{};

    friend bool operator==(const web_source&, const web_source&) = default;
};

/// What a search of the web did; `type` says which of the other members are set.
struct web_search_action {
    std::string type{}; ///< search, open_page, find_in_page
    json::maybe<std::string> query{};
    json::maybe<std::vector<std::string>> queries{};
    json::maybe<std::vector<web_source>> sources{};
    json::maybe<std::string> url{};
    json::maybe<std::string> pattern{};
    json::extra extra{};

    friend bool operator==(const web_search_action&, const web_search_action&) = default;
};

struct web_search_call {
    std::string id{};
    std::string type = "web_search_call";
    std::string status{}; ///< in_progress, searching, completed, failed
    json::maybe<web_search_action> action{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "web_search_call"};
    friend bool operator==(const web_search_call&, const web_search_call&) = default;
};

struct tool_search_call {
    std::string type = "tool_search_call";
    json::maybe<std::string> id{};
    json::maybe<std::string> call_id{};
    json::maybe<std::string> execution{}; ///< server, client
    json::raw arguments{};
    json::maybe<std::string> status{};
    json::maybe<std::string> created_by{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "tool_search_call"};
    friend bool operator==(const tool_search_call&, const tool_search_call&) = default;
};

struct tool_search_output {
    std::string type = "tool_search_output";
    json::maybe<std::string> id{};
    json::maybe<std::string> call_id{};
    json::maybe<std::string> execution{};
    std::vector<tool> tools{};
    json::maybe<std::string> status{};
    json::maybe<std::string> created_by{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "tool_search_output"};
    friend bool operator==(const tool_search_output&, const tool_search_output&) = default;
};

/// Tools that come into use with this item.
struct additional_tools {
    std::string type = "additional_tools";
    json::maybe<std::string> id{};
    std::string role{}; ///< developer
    std::vector<tool> tools{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "additional_tools"};
    friend bool operator==(const additional_tools&, const additional_tools&) = default;
};

// ----------------------------------------------------------------------------------------------------
// computers

struct safety_check {
    std::string id{};
    json::maybe<std::string> code{};
    json::maybe<std::string> message{};
    json::extra extra{};

    friend bool operator==(const safety_check&, const safety_check&) = default;
};

struct point {
    std::int64_t x = 0;
    std::int64_t y = 0;
    json::extra extra{};

    friend bool operator==(const point&, const point&) = default;
};

/// What is to be done at a computer; `type` says which of the other members are set.
struct computer_action {
    std::string type{}; ///< click, double_click, drag, keypress, move, screenshot, scroll, type, wait
    json::maybe<std::string> button{}; ///< left, right, wheel, back, forward
    json::maybe<std::int64_t> x{};
    json::maybe<std::int64_t> y{};
    json::maybe<std::int64_t> scroll_x{};
    json::maybe<std::int64_t> scroll_y{};
    json::maybe<std::vector<point>> path{}; ///< of a drag
    json::maybe<std::vector<std::string>> keys{};
    json::maybe<std::string> text{};
    json::extra extra{};

    friend bool operator==(const computer_action&, const computer_action&) = default;
};

struct computer_call {
    std::string type = "computer_call";
    std::string id{};
    std::string call_id{};
    json::maybe<computer_action> action{};
    json::maybe<std::vector<computer_action>> actions{};
    std::vector<safety_check> pending_safety_checks{};
    std::string status{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "computer_call"};
    friend bool operator==(const computer_call&, const computer_call&) = default;
};

struct screenshot {
    std::string type = "computer_screenshot";
    json::maybe<std::string> image_url{};
    json::maybe<std::string> file_id{};
    json::extra extra{};

    friend bool operator==(const screenshot&, const screenshot&) = default;
};

struct computer_call_output {
    std::string type = "computer_call_output";
    json::maybe<std::string> id{};
    std::string call_id{};
    json::maybe<std::vector<safety_check>> acknowledged_safety_checks{};
    screenshot output{};
    json::maybe<std::string> status{};
    json::maybe<std::string> created_by{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "computer_call_output"};
    friend bool operator==(const computer_call_output&, const computer_call_output&) = default;
};

// ----------------------------------------------------------------------------------------------------
// code, commands and pictures

struct image_generation_call {
    std::string type = "image_generation_call";
    std::string id{};
    std::string status{};              ///< in_progress, completed, generating, failed
    json::maybe<std::string> result{}; ///< base64
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "image_generation_call"};
    friend bool operator==(const image_generation_call&, const image_generation_call&) = default;
};

struct code_output {
    std::string type{}; ///< logs, image
    json::maybe<std::string> logs{};
    json::maybe<std::string> url{};
    json::extra extra{};

    friend bool operator==(const code_output&, const code_output&) = default;
};

struct code_interpreter_call {
    std::string type = "code_interpreter_call";
    std::string id{};
    std::string status{}; ///< in_progress, completed, incomplete, interpreting, failed
    std::string container_id{};
    json::maybe<std::string> code{};
    json::maybe<std::vector<code_output>> outputs{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "code_interpreter_call"};
    friend bool operator==(const code_interpreter_call&, const code_interpreter_call&) = default;
};

struct local_shell_action {
    std::string type = "exec";
    std::vector<std::string> command{};
    json::maybe<std::int64_t> timeout_ms{};
    json::maybe<std::string> working_directory{};
    std::map<std::string, std::string> env{};
    json::maybe<std::string> user{};
    json::extra extra{};

    friend bool operator==(const local_shell_action&, const local_shell_action&) = default;
};

struct local_shell_call {
    std::string type = "local_shell_call";
    std::string id{};
    std::string call_id{};
    local_shell_action action{};
    std::string status{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "local_shell_call"};
    friend bool operator==(const local_shell_call&, const local_shell_call&) = default;
};

struct local_shell_call_output {
    std::string type = "local_shell_call_output";
    std::string id{};
    std::string output{}; ///< JSON text
    json::maybe<std::string> status{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "local_shell_call_output"};
    friend bool operator==(const local_shell_call_output&, const local_shell_call_output&) = default;
};

struct shell_action {
    std::vector<std::string> commands{};
    json::maybe<std::int64_t> timeout_ms{};
    json::maybe<std::int64_t> max_output_length{}; ///< characters
    json::extra extra{};

    friend bool operator==(const shell_action&, const shell_action&) = default;
};

struct shell_call {
    std::string type = "shell_call";
    json::maybe<std::string> id{};
    std::string call_id{};
    json::maybe<responses::caller> caller{};
    shell_action action{};
    json::maybe<std::string> status{};
    json::maybe<responses::environment> environment{};
    json::maybe<std::string> created_by{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "shell_call"};
    friend bool operator==(const shell_call&, const shell_call&) = default;
};

struct shell_outcome {
    std::string type{}; ///< exit, timeout
    json::maybe<std::int64_t> exit_code{};
    json::extra extra{};

    friend bool operator==(const shell_outcome&, const shell_outcome&) = default;
};

/// What one command printed. The members of the wire are named as macros of the C library, so these are not.
struct shell_output {
    std::string standard_output{};
    std::string standard_error{};
    shell_outcome outcome{};
    json::maybe<std::string> created_by{};
    json::extra extra{};

    static constexpr json::field_rule json_fields[] = {json::rename("standard_output", "stdout"),
                                                       json::rename("standard_error", "stderr")};
    friend bool operator==(const shell_output&, const shell_output&) = default;
};

struct shell_call_output {
    std::string type = "shell_call_output";
    json::maybe<std::string> id{};
    std::string call_id{};
    json::maybe<responses::caller> caller{};
    json::maybe<std::string> status{};
    std::vector<shell_output> output{};
    json::maybe<std::int64_t> max_output_length{};
    json::maybe<std::string> created_by{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "shell_call_output"};
    friend bool operator==(const shell_call_output&, const shell_call_output&) = default;
};

struct patch_operation {
    std::string type{}; ///< create_file, update_file, delete_file
    std::string path{};
    json::maybe<std::string> diff{}; ///< unless the file is deleted
    json::extra extra{};

    friend bool operator==(const patch_operation&, const patch_operation&) = default;
};

struct apply_patch_call {
    std::string type = "apply_patch_call";
    json::maybe<std::string> id{};
    std::string call_id{};
    json::maybe<responses::caller> caller{};
    std::string status{}; ///< in_progress, completed
    patch_operation operation{};
    json::maybe<std::string> created_by{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "apply_patch_call"};
    friend bool operator==(const apply_patch_call&, const apply_patch_call&) = default;
};

struct apply_patch_call_output {
    std::string type = "apply_patch_call_output";
    json::maybe<std::string> id{};
    std::string call_id{};
    json::maybe<responses::caller> caller{};
    std::string status{}; ///< completed, failed
    json::maybe<std::string> output{};
    json::maybe<std::string> created_by{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "apply_patch_call_output"};
    friend bool operator==(const apply_patch_call_output&, const apply_patch_call_output&) = default;
};

// ----------------------------------------------------------------------------------------------------
// MCP servers

/// `type` says which of the other members are set.
struct mcp_error {
    std::string type{}; ///< mcp_protocol_error, mcp_tool_execution_error, http_error
    json::maybe<std::int64_t> code{};
    json::maybe<std::string> message{};
    json::maybe<json::raw> content{}; ///< what the tool answered
    json::extra extra{};

    friend bool operator==(const mcp_error&, const mcp_error&) = default;
};

struct mcp_call {
    std::string type = "mcp_call";
    std::string id{};
    std::string server_label{};
    std::string name{};
    std::string arguments{}; ///< JSON text
    json::maybe<std::string> output{};
    json::maybe<std::variant<std::string, mcp_error>> error{}; ///< a plain text in older replies
    json::maybe<std::string> status{}; ///< in_progress, completed, incomplete, calling, failed
    json::maybe<std::string> approval_request_id{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "mcp_call"};
    friend bool operator==(const mcp_call&, const mcp_call&) = default;
};

struct mcp_listed_tool {
    std::string name{};
    json::maybe<std::string> description{};
    json::raw input_schema{}; ///< JSON Schema
    json::maybe<json::raw> annotations{};
    json::extra extra{};

    friend bool operator==(const mcp_listed_tool&, const mcp_listed_tool&) = default;
};

struct mcp_list_tools {
    std::string type = "mcp_list_tools";
    std::string id{};
    std::string server_label{};
    std::vector<mcp_listed_tool> tools{};
    json::maybe<std::string> error{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "mcp_list_tools"};
    friend bool operator==(const mcp_list_tools&, const mcp_list_tools&) = default;
};

struct mcp_approval_request {
    std::string type = "mcp_approval_request";
    std::string id{};
    std::string server_label{};
    std::string name{};
    std::string arguments{}; ///< JSON text
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "mcp_approval_request"};
    friend bool operator==(const mcp_approval_request&, const mcp_approval_request&) = default;
};

struct mcp_approval_response {
    std::string type = "mcp_approval_response";
    json::maybe<std::string> id{};
    std::string approval_request_id{};
    bool approve = false;
    json::maybe<std::string> reason{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "mcp_approval_response"};
    friend bool operator==(const mcp_approval_response&, const mcp_approval_response&) = default;
};

// ----------------------------------------------------------------------------------------------------

/// An item that names no type: a message (`role` and `content`) or a reference (`id`) in their short forms. Or one
/// of a type that is newer than these: its members are in `extra`.
struct other_item {
    json::maybe<std::string> type{};
    json::maybe<std::string> id{};
    json::maybe<std::string> role{};
    json::maybe<responses::content> content{};
    json::maybe<std::string> phase{};
    json::maybe<std::string> status{};
    json::extra extra{};

    friend bool operator==(const other_item&, const other_item&) = default;
};

// other_item takes every type that the others do not, so it is the last.
using item =
    std::variant<message, reasoning, function_call, function_call_output, web_search_call, file_search_call,
                 custom_tool_call, custom_tool_call_output, mcp_call, mcp_list_tools, mcp_approval_request,
                 mcp_approval_response, image_generation_call, code_interpreter_call, computer_call,
                 computer_call_output, shell_call, shell_call_output, local_shell_call,
                 local_shell_call_output, apply_patch_call, apply_patch_call_output, program, program_output,
                 tool_search_call, tool_search_output, additional_tools, compaction, compaction_trigger,
                 item_reference, other_item>;

[[nodiscard]] message system(std::string text);
[[nodiscard]] message developer(std::string text);
[[nodiscard]] message user(std::string text);
[[nodiscard]] message user(std::vector<part> parts);
[[nodiscard]] message assistant(std::string text);
/// The answer to a function call. @param call_id  the call's `call_id`.
[[nodiscard]] function_call_output tool_result(std::string call_id, std::string text);

} // namespace modelmesh::responses
