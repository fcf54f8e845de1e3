# Arm's embedded gcc, for a Cortex-M4F.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_CXX_COMPILER arm-none-eabi-g++)
# A program that only the compiler's test would link needs an operating system.
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(core "-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16")
set(CMAKE_C_FLAGS_INIT "${core}")
set(CMAKE_CXX_FLAGS_INIT "${core}")
set(CMAKE_EXE_LINKER_FLAGS_INIT "${core}")
