// A model that asks for a function of this program to be called, until it can answer.
//   tools ["question"]      with OPENAI_API_KEY, OPENAI_BASE_URL, OLLAMA_HOST or VLLM_HOST set
#include <modelmesh/modelmesh.hpp>

#include <iostream>

struct place {
    std::string city{};
    static constexpr modelmesh::json::field_rule json_fields[] = {
        modelmesh::json::about("city", "The city's name, in English")};
};

struct weather {
    double degrees{};
    std::string sky{};
};

weather look_up(const place& where) {
    std::cout << "(looking up the weather in " << where.city << ")\n";
    return {where.city == "Oslo" ? 3.5 : 21.0, "clear"};
}

modelmesh::task<> ask(std::string question) {
    modelmesh::client client = modelmesh::create("chat-completion");
    modelmesh::chat::toolbox tools;
    tools.add<place>("get_weather", "The weather of a city now", look_up);
    modelmesh::chat::request request;
    request.model = "chat-completion";
    request.messages = {modelmesh::chat::user(question)};
    const modelmesh::chat::tool_run done = co_await client.chat.completions.run_tools(request, tools);
    std::cout << done.reply.text() << "\n(" << done.rounds << " requests)\n";
}

int main(int argc, char** argv) {
    try {
        modelmesh::run(ask(argc > 1 ? argv[1] : "Is it warmer in Oslo or in Rome?"));
        return 0;
    } catch (const modelmesh::error& failure) {
        std::cerr << "error: " << failure.what() << "\n";
        return 1;
    }
}
