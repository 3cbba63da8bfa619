"""Made-up sensors, for the option --sensors."""


class Sensors:
    """The files of sensors that a node reads, as a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.write("proc/stat", "cpu  100 0 100 800 0 0 0 0 0 0\n")
        self.write("proc/meminfo", "MemTotal: 16777216 kB\nMemAvailable: 12582912 kB\n")
        self.write("sys/class/thermal/thermal_zone0/type", "x86_pkg_temp\n")
        self.write("sys/class/thermal/thermal_zone0/trip_point_0_type", "critical\n")
        self.write("sys/class/thermal/thermal_zone0/trip_point_0_temp", "100000\n")
        self.temperature(50)

    def write(self, path, text):
        path = self.folder / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)  # in the same file: a node keeps it open

    def temperature(self, celsius):
        self.write("sys/class/thermal/thermal_zone0/temp", f"{celsius * 1000}\n")

    def energy(self, microjoules):
        """The counter of the processor's energy."""
        self.write("sys/class/powercap/intel-rapl:0/name", "package-0\n")
        self.write("sys/class/powercap/intel-rapl:0/max_energy_range_uj", f"{1 << 40}\n")
        self.write("sys/class/powercap/intel-rapl:0/energy_uj", f"{microjoules}\n")

    def battery(self, percent, plugged):
        self.write("sys/class/power_supply/AC/type", "Mains\n")
        self.write("sys/class/power_supply/AC/online", f"{int(plugged)}\n")
        self.write("sys/class/power_supply/BAT0/type", "Battery\n")
        self.write("sys/class/power_supply/BAT0/capacity", f"{percent}\n")
        self.write("sys/class/power_supply/BAT0/status", "Charging\n" if plugged else "Discharging\n")
