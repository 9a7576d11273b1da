"""Print the exact versions of the environment this runs in, as requirements.lock (make lock)."""

from importlib.metadata import distributions

# Not the project itself, and not the installer.
LEFT_OUT = {"upconv", "pip"}
# Wheels that exist for some systems only, and what takes their place elsewhere.
ELSEWHERE = {
    "tensorflow-cpu": ("tensorflow", 'sys_platform != "darwin"', 'sys_platform == "darwin"')
}


def pins() -> list[str]:
    found = {}
    for distribution in distributions():
        name = distribution.metadata["Name"].lower().replace("_", "-")
        # A local version ("2.13.0+cpu") names one build; others must be able to take theirs.
        found[name] = distribution.version.split("+")[0]
    lines = []
    for name, version in sorted(found.items()):
        if name in LEFT_OUT:
            continue
        if name in ELSEWHERE:
            other, here, there = ELSEWHERE[name]
            lines += [f"{name}=={version}; {here}", f"{other}=={version}; {there}"]
        else:
            lines.append(f"{name}=={version}")
    return lines


if __name__ == "__main__":
    print("# Written by `make lock` from requirements.in: every package, exactly. Python 3.11.")
    print("\n".join(pins()))
