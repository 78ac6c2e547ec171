# Front doors. Everything real is in Meson; `./run TARGET` first installs what is missing, then comes here.
BUILD ?= build
MESON_FLAGS ?= -Dwerror=true
PROGRAMS = trueboot truebootd trueboot-agent

.PHONY: all demo test check test-asan test-system windows test-windows test-exhaustive attack-suite fuzz bench bench-memory golden extension-package windows-extension-package windows-installer deb guest clean

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD) $(NINJA_FLAGS)
	@ln -sf src/cli/trueboot src/truebootd/truebootd src/agent/trueboot-agent $(BUILD)/

$(BUILD)/build.ninja:
	@meson setup $(BUILD) $(MESON_FLAGS)

guest: all
	@guest/fetch_guest_parts $(BUILD)/guest-parts
	@ninja -C $(BUILD) --quiet tools/reference.pack

demo: guest
	@demo/demo

# Unit tests, replayed fuzz corpora, and one system test with real boots.
test: guest
	@tools/run_tests $(BUILD) unit system

# What is too long for `make test`: more real VMs.
test-system: guest deb
	@tools/run_tests $(BUILD) system-long

# The agent for Windows, cross-built; its tests run under Wine where there is one (docs/windows.md).
windows:
	@test -f $(BUILD)-windows/build.ninja || meson setup $(BUILD)-windows $(MESON_FLAGS) --cross-file packaging/windows/x86_64-w64-mingw32.ini
	@ninja -C $(BUILD)-windows $(NINJA_FLAGS)

test-windows: all windows
	@tools/test_windows $(BUILD)-windows

test-exhaustive: all
	@tools/run_tests $(BUILD) exhaustive

attack-suite: all
	@tools/attack_suite $(BUILD)

# Formatter, layers, both compilers with warnings as errors, static analysis.
check:
	@tools/check

# Warnings are errors in `make check`; with instrumented code gcc guesses wrong about some.
test-asan:
	@test -f $(BUILD)-asan/build.ninja || CC=gcc meson setup $(BUILD)-asan -Db_sanitize=address,undefined -Doptimization=1
	@ninja -C $(BUILD)-asan
	@tools/run_tests $(BUILD)-asan unit

# make fuzz T=eventlog N=100000: libFuzzer with ASan and UBSan; without T every target in turn.
fuzz:
	@tools/fuzz '$(T)' '$(N)'

bench: all
	@$(BUILD)/bench/bench
	@$(BUILD)/bench/load where 4000

# Debian packages: deb/ in the build folder.
deb:
	@tools/make_deb $(BUILD)

# The VM extension: packaging/ in the build folder; both systems' where both can be built.
extension-package: all
	@ninja -C $(BUILD) --quiet extension-package && ls $(BUILD)/packaging/GuestAttestation-*.zip
	@if command -v x86_64-w64-mingw32-gcc >/dev/null; then $(MAKE) --no-print-directory windows-extension-package; \
	 else echo "skipped: the package for Windows: mingw-w64 is not installed"; fi

# An .msi, for machines without a VM agent (docs/windows.md).
windows-installer: windows
	@ninja -C $(BUILD)-windows --quiet windows-installer && ls $(BUILD)-windows/packaging/trueboot-agent-*.msi

windows-extension-package: windows
	@ninja -C $(BUILD)-windows --quiet extension-package && ls $(BUILD)-windows/packaging/GuestAttestation-Windows-*.zip

# A real server under N attestations over TLS: its memory and disk, and what one costs. The whole claim: make bench-memory ATTESTATIONS=100000.
ATTESTATIONS ?= 2000
bench-memory: all
	@$(BUILD)/bench/load $(ATTESTATIONS) 100 65536 4096

golden: all
	@tools/golden $(BUILD)

clean:
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-windows $(BUILD)-clang $(BUILD)-fuzz $(BUILD)-analyze
