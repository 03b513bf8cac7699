// SI to what people read: the only place of the page where units change.

export const kmh = (mps: number): string => Math.round(Math.abs(mps) * 3.6).toString();
export const percent = (ratio: number): string => `${Math.round(ratio * 100)} %`;
export const celsius = (kelvin: number): string => `${(kelvin - 273.15).toFixed(1)} °C`;
export const distance = (m: number): string => (m < 950 ? `${Math.round(m / 10) * 10} m` : `${(m / 1000).toFixed(1)} km`);

export function duration(s: number): string {
  if (!Number.isFinite(s) || s < 0) return '–';
  return s < 90 ? `${Math.round(s / 5) * 5} s` : `${Math.round(s / 60)} min`;
}

export const gearLetter = (gear: number): string => ['P', 'R', 'N', 'D'][gear] ?? '?';
