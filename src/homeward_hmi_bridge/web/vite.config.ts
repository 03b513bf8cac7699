import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

// The page is served by the cockpit node and works offline: everything it needs is in the build.
export default defineConfig({
  plugins: [svelte()],
  build: { outDir: '../homeward_hmi_bridge/web_dist', emptyOutDir: true, target: 'es2022' },
  server: { proxy: { '/rosbridge': { target: 'ws://127.0.0.1:8080', ws: true } } },
});
