# Says whether the compiler accepts SOURCE. A report: the library works around either answer.
execute_process(COMMAND ${COMPILE} -fsyntax-only "${SOURCE}" RESULT_VARIABLE status OUTPUT_QUIET ERROR_QUIET)
if(status EQUAL 0)
    message("initializer_list in co_await: accepted")
else()
    message("initializer_list in co_await: refused")
endif()
